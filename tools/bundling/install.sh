#!/bin/sh
# Installs agentctl from this folder into a folder of its own. It uses no network.
set -eu

usage() {
    echo "usage: sh install.sh [-p PYTHON] FOLDER"
    echo "  FOLDER     to install into, as in /opt/agentctl; must not exist, or be empty"
    echo "  -p PYTHON  to install for (default python3); README.txt says which there may be"
}

fail() {
    echo "install.sh: $1" >&2
    exit 1
}

python=python3
while getopts p:h option; do
    case $option in
        p) python=$OPTARG ;;
        h) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
    esac
done
shift $((OPTIND - 1))
if [ $# -ne 1 ] || [ -z "$1" ]; then
    usage >&2
    exit 2
fi
case $1 in
    /*) folder=$1 ;;
    *) folder=$(pwd)/$1 ;;
esac
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
command -v "$python" > /dev/null || fail "there is no $python: name a Python with -p"

if [ -e "$folder" ] && [ -n "$(ls -A "$folder" 2> /dev/null || echo unreadable)" ]; then
    fail "$folder is there already: name another folder, or remove it first"
fi

# -I: nothing of the caller's settings, nor of the folder that this is called in.
what=$("$python" -I - "$here" <<'END'
import hashlib, json, os, platform, sys


def fail(why):
    sys.exit("install.sh: " + why)


os.chdir(sys.argv[1])
bad, listed = [], set()
try:
    with open("SHA256SUMS") as sums:
        lines = sums.read().splitlines()
except OSError as error:
    fail("SHA256SUMS: %s; nothing is installed" % error.strerror)
for line in lines:
    wanted, _, name = line.partition("  ")
    listed.add(name)
    try:
        with open(name, "rb") as file:
            if hashlib.sha256(file.read()).hexdigest() != wanted:
                bad.append(name + ": damaged")
    except OSError as error:
        bad.append("%s: %s" % (name, error.strerror))
there = {"%s/%s" % (top, name)
         for top in ("locks", "wheels") if os.path.isdir(top) for name in os.listdir(top)}
bad += [name + ": not in SHA256SUMS" for name in sorted(there - listed)]
if bad or "bundle.json" not in listed:
    fail("not what was packed; nothing is installed:\n  " + "\n  ".join(bad))
with open("bundle.json") as file:
    bundle = json.load(file)
this = "%d.%d" % sys.version_info[:2]
if platform.python_implementation() != "CPython" or this not in bundle["pythons"]:
    fail("this bundle is for CPython %s; %s is %s %s: name another with -p" % (
        " and ".join(bundle["pythons"]), sys.executable, platform.python_implementation(), this))
host = [platform.system(), platform.machine()]
if host != [bundle["system"], bundle["machine"]]:
    fail("this bundle is for %s; this host is %s %s" % (bundle["platform"], host[0], host[1]))
print("cp%d%d %s" % (sys.version_info[0], sys.version_info[1], bundle["pips"][this]))
END
) || exit 1

trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
"$python" -I -m venv --without-pip "$folder" ||
    fail "$python cannot make a virtual environment; README.txt says how to do without"
PIP_CONFIG_FILE=/dev/null "$folder/bin/python" -I "$here/wheels/${what#* }/pip" --isolated install \
    --quiet --disable-pip-version-check --no-cache-dir --no-index --find-links "$here/wheels" \
    --only-binary :all: --no-deps --require-hashes -r "$here/locks/${what% *}.txt" ||
    fail "the wheels do not fit this host: README.txt says which they are for"
"$folder/bin/agentctl" version || fail "what was installed does not run"
trap - EXIT
echo "installed: $folder/bin/agentctl"
