# bash completion for agentctl; to install it: agentctl completion --help
_agentctl() {
    local program=agentctl line directive=4
    case $1 in
        '~/'*) program=$HOME/${1#'~/'} ;;
        */*) program=$1 ;;
    esac
    COMPREPLY=()
    while IFS= read -r line; do
        case $line in
            :*) directive=${line#:} ;;
            *) COMPREPLY+=("$line") ;;
        esac
    done <<< "$("$program" __complete_bash "${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" 2>/dev/null)"
    if [ "$directive" = 0 ]; then
        compopt -o default 2>/dev/null
    fi
}
complete -F _agentctl agentctl
