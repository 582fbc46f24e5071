# fish completion for agentctl; to install it: agentctl completion --help
function __agentctl_complete
    set -l words (commandline -opc)
    set -l program agentctl
    string match -q '*/*' -- $words[1]; and set program (string replace -r '^~/' "$HOME/" -- $words[1])
    set -e words[1]
    # Without the quote that is open, and without backslashes.
    set -l current (commandline -ct | string replace -r '^["\']' '' | string replace -ra '\\\\(.)' '$1')
    set -l lines ($program __complete $words "$current" 2>/dev/null)
    set -q lines[1]; or return
    if test $lines[-1] = :0 -a (count $lines) = 1
        set -l flag (string match -r -- '^--[^=]*=' $current)
        for path in (__fish_complete_path (string replace -r -- '^--[^=]*=' '' $current))
            printf '%s%s\n' "$flag" $path
        end
    else
        printf '%s\n' $lines[1..-2]
    end
end
complete -c agentctl -e
complete -c agentctl -f -a '(__agentctl_complete)'
