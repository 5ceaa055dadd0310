# shellcheck shell=bash
# The commands of a document, run as they stand there, but for the ports and the process; `mtlsd` is found by its name.
#
# run_commands WHAT: those of its standard input: lines "    $ COMMAND", and "        MORE" below them. The output of each in $T/out,
# the last one's status in $status; $PORT_public is that of a server that runs.
mkdir "$T/bin"
ln -s "$MTLSD" "$T/bin/mtlsd"
export PATH=$T/bin:$PATH

run_commands() {
    local what=$1 command='' line
    status=0
    while IFS= read -r line; do
        case $line in
        '    $ '*) command=${line#'    $ '} ;;
        '        '*) command+=" ${line#        }" ;;
        esac
        [[ $command != *\\ ]] || { command=${command%\\} && continue; }
        [[ -n $command ]] || continue
        command=${command//localhost:8443/localhost:$PORT_public}
        command=${command//http:\/\/pki.example.org\//file://$T/published/}
        command=${command/ etc\/fetch-crl / $srcdir/etc/fetch-crl }
        command=${command/#curl /curl -sS -w '\\n%{http_code}\\n' }
        status=0
        eval "$command" >"$T/out" 2>&1 || status=$?
        if ((status == 0)); then ok "$what: $command"; else not_ok "$what: $command" "status $status" "$(<"$T/out")"; fi
        # A reload is done when the log says so.
        [[ $command != mtlsd\ reload* ]] || { reloads=$((${reloads-1} + 1)) && log_has "reloaded: generation $reloads" 'reloaded'; }
        command=
    done
}
