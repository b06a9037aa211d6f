# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_rmq_global_optspecs
    string join \n log-level= h/help V/version
end

function __fish_rmq_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_rmq_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_rmq_using_subcommand
    set -l cmd (__fish_rmq_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c rmq -n "__fish_rmq_needs_command" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_needs_command" -s h -l help -d 'Print help'
complete -c rmq -n "__fish_rmq_needs_command" -s V -l version -d 'Print version'
complete -c rmq -n "__fish_rmq_needs_command" -f -a "namesrv" -d 'Run a name server, where clients and brokers find each other'
complete -c rmq -n "__fish_rmq_needs_command" -f -a "broker" -d 'Run a broker, which keeps the messages'
complete -c rmq -n "__fish_rmq_needs_command" -f -a "cluster" -d 'Run clusters on this machine, for development and tests'
complete -c rmq -n "__fish_rmq_needs_command" -f -a "check" -d 'Check whether servers are well: for probes, monitors and CI'
complete -c rmq -n "__fish_rmq_needs_command" -f -a "top" -d 'Watch a whole cluster on one screen: rates, lags, flush, replication, disks'
complete -c rmq -n "__fish_rmq_needs_command" -f -a "produce" -d 'Send messages: one a line of standard input, or as told'
complete -c rmq -n "__fish_rmq_needs_command" -f -a "consume" -d 'Print the messages of a topic'
complete -c rmq -n "__fish_rmq_needs_command" -f -a "topic" -d 'List topics, show what they are like, create, change and delete them'
complete -c rmq -n "__fish_rmq_needs_command" -f -a "group" -d 'List groups, show what they are and how far they have come, create, change and delete them'
complete -c rmq -n "__fish_rmq_needs_command" -f -a "client" -d 'List the clients that are connected'
complete -c rmq -n "__fish_rmq_needs_command" -f -a "offset" -d 'Change where a group goes on'
complete -c rmq -n "__fish_rmq_needs_command" -f -a "message" -d 'Find messages by their id or by a key'
complete -c rmq -n "__fish_rmq_needs_command" -f -a "dlq" -d 'Look at the messages that a group failed on too often, and send them again'
complete -c rmq -n "__fish_rmq_needs_command" -f -a "store" -d 'Look into a store directory: list, verify, dump, repair'
complete -c rmq -n "__fish_rmq_needs_command" -f -a "completions" -d 'Print what a shell must know to complete command lines'
complete -c rmq -n "__fish_rmq_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rmq -n "__fish_rmq_using_subcommand namesrv" -l listen -d 'Where to listen [default: port 9876, or the file\'s listenPort, on every address]' -r
complete -c rmq -n "__fish_rmq_using_subcommand namesrv" -s c -l config -d 'Settings: the namesrv.conf of Apache RocketMQ' -r -F
complete -c rmq -n "__fish_rmq_using_subcommand namesrv" -s n -l namesrv -d 'Taken for Apache\'s sake, of no use to a name server' -r
complete -c rmq -n "__fish_rmq_using_subcommand namesrv" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand namesrv" -s p -l print -d 'Print every setting with its value and end'
complete -c rmq -n "__fish_rmq_using_subcommand namesrv" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rmq -n "__fish_rmq_using_subcommand broker; and not __fish_seen_subcommand_from list describe config drain undrain help" -s n -l namesrv -d 'Name servers to register with' -r
complete -c rmq -n "__fish_rmq_using_subcommand broker; and not __fish_seen_subcommand_from list describe config drain undrain help" -s c -l config -d 'Settings: the broker.conf of Apache RocketMQ' -r -F
complete -c rmq -n "__fish_rmq_using_subcommand broker; and not __fish_seen_subcommand_from list describe config drain undrain help" -l set -d 'A setting that overrules the file; may be repeated' -r
complete -c rmq -n "__fish_rmq_using_subcommand broker; and not __fish_seen_subcommand_from list describe config drain undrain help" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand broker; and not __fish_seen_subcommand_from list describe config drain undrain help" -s p -l print -d 'Print every setting with its value and end'
complete -c rmq -n "__fish_rmq_using_subcommand broker; and not __fish_seen_subcommand_from list describe config drain undrain help" -s m -l print-important -d 'Print the settings that matter most and end'
complete -c rmq -n "__fish_rmq_using_subcommand broker; and not __fish_seen_subcommand_from list describe config drain undrain help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rmq -n "__fish_rmq_using_subcommand broker; and not __fish_seen_subcommand_from list describe config drain undrain help" -f -a "list" -d 'List the brokers of a cluster, with how they are'
complete -c rmq -n "__fish_rmq_using_subcommand broker; and not __fish_seen_subcommand_from list describe config drain undrain help" -f -a "describe" -d 'Show all that a broker says of itself'
complete -c rmq -n "__fish_rmq_using_subcommand broker; and not __fish_seen_subcommand_from list describe config drain undrain help" -f -a "config" -d 'Show the settings of a broker that runs, and change those that may change meanwhile'
complete -c rmq -n "__fish_rmq_using_subcommand broker; and not __fish_seen_subcommand_from list describe config drain undrain help" -f -a "drain" -d 'Send producers to other brokers, so that this one can be stopped once it is read'
complete -c rmq -n "__fish_rmq_using_subcommand broker; and not __fish_seen_subcommand_from list describe config drain undrain help" -f -a "undrain" -d 'Let producers send to a broker again'
complete -c rmq -n "__fish_rmq_using_subcommand broker; and not __fish_seen_subcommand_from list describe config drain undrain help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rmq -n "__fish_rmq_using_subcommand broker; and __fish_seen_subcommand_from list" -s o -l output -d 'How to print' -r -f -a "table\t'Columns, for people'
wide\t'More columns'
json\t'JSON'
yaml\t'YAML'
csv\t'CSV; several tables one after the other, each with a heading row and an empty line in between'
name\t'Names, one a line'"
complete -c rmq -n "__fish_rmq_using_subcommand broker; and __fish_seen_subcommand_from list" -l every -d 'How often to look' -r
complete -c rmq -n "__fish_rmq_using_subcommand broker; and __fish_seen_subcommand_from list" -s n -l namesrv -d 'Name servers [default: of the cluster that `rmq cluster up` runs, else 127.0.0.1:9876]' -r
complete -c rmq -n "__fish_rmq_using_subcommand broker; and __fish_seen_subcommand_from list" -l timeout -d 'How long to try before giving up' -r
complete -c rmq -n "__fish_rmq_using_subcommand broker; and __fish_seen_subcommand_from list" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand broker; and __fish_seen_subcommand_from list" -s w -l watch -d 'Show it again whenever it changes, until Ctrl-C; JSON is then one line each'
complete -c rmq -n "__fish_rmq_using_subcommand broker; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rmq -n "__fish_rmq_using_subcommand broker; and __fish_seen_subcommand_from describe" -s o -l output -d 'How to print' -r -f -a "table\t'Columns, for people'
wide\t'More columns'
json\t'JSON'
yaml\t'YAML'
csv\t'CSV; several tables one after the other, each with a heading row and an empty line in between'
name\t'Names, one a line'"
complete -c rmq -n "__fish_rmq_using_subcommand broker; and __fish_seen_subcommand_from describe" -l every -d 'How often to look' -r
complete -c rmq -n "__fish_rmq_using_subcommand broker; and __fish_seen_subcommand_from describe" -s n -l namesrv -d 'Name servers [default: of the cluster that `rmq cluster up` runs, else 127.0.0.1:9876]' -r
complete -c rmq -n "__fish_rmq_using_subcommand broker; and __fish_seen_subcommand_from describe" -l timeout -d 'How long to try before giving up' -r
complete -c rmq -n "__fish_rmq_using_subcommand broker; and __fish_seen_subcommand_from describe" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand broker; and __fish_seen_subcommand_from describe" -s w -l watch -d 'Show it again whenever it changes, until Ctrl-C; JSON is then one line each'
complete -c rmq -n "__fish_rmq_using_subcommand broker; and __fish_seen_subcommand_from describe" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rmq -n "__fish_rmq_using_subcommand broker; and __fish_seen_subcommand_from config" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand broker; and __fish_seen_subcommand_from config" -s h -l help -d 'Print help'
complete -c rmq -n "__fish_rmq_using_subcommand broker; and __fish_seen_subcommand_from config" -f -a "get" -d 'Show settings'
complete -c rmq -n "__fish_rmq_using_subcommand broker; and __fish_seen_subcommand_from config" -f -a "set" -d 'Change settings of a broker, or of every master of a cluster: at each of them all that are given, or none'
complete -c rmq -n "__fish_rmq_using_subcommand broker; and __fish_seen_subcommand_from config" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rmq -n "__fish_rmq_using_subcommand broker; and __fish_seen_subcommand_from drain" -s o -l output -d 'How to print' -r -f -a "table\t'Columns, for people'
wide\t'More columns'
json\t'JSON'
yaml\t'YAML'
csv\t'CSV; several tables one after the other, each with a heading row and an empty line in between'
name\t'Names, one a line'"
complete -c rmq -n "__fish_rmq_using_subcommand broker; and __fish_seen_subcommand_from drain" -s n -l namesrv -d 'Name servers [default: of the cluster that `rmq cluster up` runs, else 127.0.0.1:9876]' -r
complete -c rmq -n "__fish_rmq_using_subcommand broker; and __fish_seen_subcommand_from drain" -l timeout -d 'How long to try before giving up' -r
complete -c rmq -n "__fish_rmq_using_subcommand broker; and __fish_seen_subcommand_from drain" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand broker; and __fish_seen_subcommand_from drain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rmq -n "__fish_rmq_using_subcommand broker; and __fish_seen_subcommand_from undrain" -s o -l output -d 'How to print' -r -f -a "table\t'Columns, for people'
wide\t'More columns'
json\t'JSON'
yaml\t'YAML'
csv\t'CSV; several tables one after the other, each with a heading row and an empty line in between'
name\t'Names, one a line'"
complete -c rmq -n "__fish_rmq_using_subcommand broker; and __fish_seen_subcommand_from undrain" -s n -l namesrv -d 'Name servers [default: of the cluster that `rmq cluster up` runs, else 127.0.0.1:9876]' -r
complete -c rmq -n "__fish_rmq_using_subcommand broker; and __fish_seen_subcommand_from undrain" -l timeout -d 'How long to try before giving up' -r
complete -c rmq -n "__fish_rmq_using_subcommand broker; and __fish_seen_subcommand_from undrain" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand broker; and __fish_seen_subcommand_from undrain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rmq -n "__fish_rmq_using_subcommand broker; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the brokers of a cluster, with how they are'
complete -c rmq -n "__fish_rmq_using_subcommand broker; and __fish_seen_subcommand_from help" -f -a "describe" -d 'Show all that a broker says of itself'
complete -c rmq -n "__fish_rmq_using_subcommand broker; and __fish_seen_subcommand_from help" -f -a "config" -d 'Show the settings of a broker that runs, and change those that may change meanwhile'
complete -c rmq -n "__fish_rmq_using_subcommand broker; and __fish_seen_subcommand_from help" -f -a "drain" -d 'Send producers to other brokers, so that this one can be stopped once it is read'
complete -c rmq -n "__fish_rmq_using_subcommand broker; and __fish_seen_subcommand_from help" -f -a "undrain" -d 'Let producers send to a broker again'
complete -c rmq -n "__fish_rmq_using_subcommand broker; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and not __fish_seen_subcommand_from up status logs stop start restart kill down list env template render help" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and not __fish_seen_subcommand_from up status logs stop start restart kill down list env template render help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and not __fish_seen_subcommand_from up status logs stop start restart kill down list env template render help" -f -a "up" -d 'Bring a cluster up; returns when every node serves and every slave has what its master had'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and not __fish_seen_subcommand_from up status logs stop start restart kill down list env template render help" -f -a "status" -d 'Show how a cluster is; fails unless all of it serves'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and not __fish_seen_subcommand_from up status logs stop start restart kill down list env template render help" -f -a "logs" -d 'Print what the nodes logged, in the order of time'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and not __fish_seen_subcommand_from up status logs stop start restart kill down list env template render help" -f -a "stop" -d 'Stop nodes, as a service manager does'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and not __fish_seen_subcommand_from up status logs stop start restart kill down list env template render help" -f -a "start" -d 'Start nodes that do not run'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and not __fish_seen_subcommand_from up status logs stop start restart kill down list env template render help" -f -a "restart" -d 'Start nodes that do not run'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and not __fish_seen_subcommand_from up status logs stop start restart kill down list env template render help" -f -a "kill" -d 'Kill nodes with kill -9, to see what happens then'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and not __fish_seen_subcommand_from up status logs stop start restart kill down list env template render help" -f -a "down" -d 'Stop a cluster'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and not __fish_seen_subcommand_from up status logs stop start restart kill down list env template render help" -f -a "list" -d 'List the clusters of this machine'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and not __fish_seen_subcommand_from up status logs stop start restart kill down list env template render help" -f -a "env" -d 'Print what a shell needs to use a cluster: eval "$(rmq cluster env)"'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and not __fish_seen_subcommand_from up status logs stop start restart kill down list env template render help" -f -a "template" -d 'List, show and check templates: what clusters consist of'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and not __fish_seen_subcommand_from up status logs stop start restart kill down list env template render help" -f -a "render" -d 'Write a cluster as files for machines of your own, systemd, compose or Kubernetes'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and not __fish_seen_subcommand_from up status logs stop start restart kill down list env template render help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from up" -l name -d 'Its name' -r
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from up" -l dir -d 'Where clusters are kept [default: rmq/clusters in $XDG_STATE_HOME, which is ~/.local/state]' -r -F
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from up" -l template -d 'What it consists of [default: what it had, at first single]' -r
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from up" -l set -d 'A setting of every broker, over those of the template; may be repeated, and is kept with the cluster' -r
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from up" -l namesrvs -d 'How many name servers instead of what the template says, 1 to 9' -r
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from up" -l base-port -d 'The first port; nodes get it and those 10, 20, 30 above [default: the usual ones, or the next that are free]' -r
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from up" -l timeout -d 'How long each node may take' -r
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from up" -s o -l output -d 'How to print' -r -f -a "table\t'Columns, for people'
wide\t'More columns'
json\t'JSON'
yaml\t'YAML'
csv\t'CSV; several tables one after the other, each with a heading row and an empty line in between'
name\t'Names, one a line'"
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from up" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from up" -l foreground -d 'Stay, print what all nodes log, and stop them with Ctrl-C or SIGTERM'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from up" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from status" -l name -d 'Its name' -r
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from status" -l dir -d 'Where clusters are kept [default: rmq/clusters in $XDG_STATE_HOME, which is ~/.local/state]' -r -F
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from status" -s o -l output -d 'How to print' -r -f -a "table\t'Columns, for people'
wide\t'More columns'
json\t'JSON'
yaml\t'YAML'
csv\t'CSV; several tables one after the other, each with a heading row and an empty line in between'
name\t'Names, one a line'"
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from status" -l every -d 'How often to look' -r
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from status" -l timeout -d 'How long that may take; then it ends with exit code 4' -r
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from status" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from status" -s w -l watch -d 'Show it again whenever it changes, until Ctrl-C; JSON is then one line each'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from status" -l exit-when-healthy -d 'End when there is such a cluster, every node serves, and every slave has what its master has'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from logs" -l name -d 'Its name' -r
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from logs" -l dir -d 'Where clusters are kept [default: rmq/clusters in $XDG_STATE_HOME, which is ~/.local/state]' -r -F
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from logs" -s n -l lines -d 'How many of the last lines of each node' -r
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from logs" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from logs" -s f -l follow -d 'Go on with what comes, until Ctrl-C'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from logs" -s h -l help -d 'Print help'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from stop" -l name -d 'Its name' -r
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from stop" -l dir -d 'Where clusters are kept [default: rmq/clusters in $XDG_STATE_HOME, which is ~/.local/state]' -r -F
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from stop" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from stop" -s h -l help -d 'Print help'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from start" -l name -d 'Its name' -r
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from start" -l dir -d 'Where clusters are kept [default: rmq/clusters in $XDG_STATE_HOME, which is ~/.local/state]' -r -F
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from start" -l timeout -d 'How long each node may take' -r
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from start" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from start" -s h -l help -d 'Print help'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from restart" -l name -d 'Its name' -r
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from restart" -l dir -d 'Where clusters are kept [default: rmq/clusters in $XDG_STATE_HOME, which is ~/.local/state]' -r -F
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from restart" -l timeout -d 'How long each node may take' -r
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from restart" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from restart" -s h -l help -d 'Print help'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from kill" -l name -d 'Its name' -r
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from kill" -l dir -d 'Where clusters are kept [default: rmq/clusters in $XDG_STATE_HOME, which is ~/.local/state]' -r -F
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from kill" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from kill" -s h -l help -d 'Print help'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from down" -l name -d 'Its name' -r
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from down" -l dir -d 'Where clusters are kept [default: rmq/clusters in $XDG_STATE_HOME, which is ~/.local/state]' -r -F
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from down" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from down" -l purge -d 'Remove it then, with all its data'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from down" -s h -l help -d 'Print help'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from list" -l dir -d 'Where clusters are kept [default: rmq/clusters in $XDG_STATE_HOME, which is ~/.local/state]' -r -F
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from list" -s o -l output -d 'How to print' -r -f -a "table\t'Columns, for people'
wide\t'More columns'
json\t'JSON'
yaml\t'YAML'
csv\t'CSV; several tables one after the other, each with a heading row and an empty line in between'
name\t'Names, one a line'"
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from list" -l every -d 'How often to look' -r
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from list" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from list" -s w -l watch -d 'Show it again whenever it changes, until Ctrl-C; JSON is then one line each'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from env" -l name -d 'Its name' -r
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from env" -l dir -d 'Where clusters are kept [default: rmq/clusters in $XDG_STATE_HOME, which is ~/.local/state]' -r -F
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from env" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from env" -s h -l help -d 'Print help'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from template" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from template" -s h -l help -d 'Print help'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from template" -f -a "list" -d 'List those that rmq carries'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from template" -f -a "show" -d 'Print one, to begin one of your own with'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from template" -f -a "check" -d 'Check one, and say where a mistake is'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from template" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from render" -l to -d 'What for' -r -f -a "properties\t'broker.conf and namesrv.conf of each node, as rmq and Apache RocketMQ read them'
systemd\t'Units, and the settings file of each node'
compose\t'A file for docker compose'
kubernetes\t'Manifests for kubectl'"
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from render" -l template -d 'What the cluster consists of, as for `up`' -r
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from render" -l set -d 'A setting of every broker, over those of the template; may be repeated' -r
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from render" -l namesrvs -d 'How many name servers instead of what the template says, 1 to 9' -r
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from render" -l out -d 'Write the files into this folder instead of to standard output' -r -F
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from render" -l host -d 'properties, systemd: where a node is reached; may be repeated [default: each by its name]' -r
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from render" -l data -d 'properties: the folder under which each node keeps its data [default: /var/lib/rmq]' -r
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from render" -l program -d 'systemd: where rmq is installed [default: /usr/local/bin/rmq]' -r
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from render" -l name -d 'compose, kubernetes: the cluster\'s name [default: rmq]' -r
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from render" -l image -d 'compose, kubernetes: a container image with rmq on its path [default: rmq:latest]' -r
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from render" -l namespace -d 'kubernetes: the namespace [default: that of kubectl]' -r
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from render" -l storage -d 'kubernetes: how large each broker\'s disk is [default: 10Gi]' -r
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from render" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from render" -l force -d 'Replace files that are there'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from render" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from help" -f -a "up" -d 'Bring a cluster up; returns when every node serves and every slave has what its master had'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from help" -f -a "status" -d 'Show how a cluster is; fails unless all of it serves'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from help" -f -a "logs" -d 'Print what the nodes logged, in the order of time'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from help" -f -a "stop" -d 'Stop nodes, as a service manager does'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from help" -f -a "start" -d 'Start nodes that do not run'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from help" -f -a "restart" -d 'Start nodes that do not run'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from help" -f -a "kill" -d 'Kill nodes with kill -9, to see what happens then'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from help" -f -a "down" -d 'Stop a cluster'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the clusters of this machine'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from help" -f -a "env" -d 'Print what a shell needs to use a cluster: eval "$(rmq cluster env)"'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from help" -f -a "template" -d 'List, show and check templates: what clusters consist of'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from help" -f -a "render" -d 'Write a cluster as files for machines of your own, systemd, compose or Kubernetes'
complete -c rmq -n "__fish_rmq_using_subcommand cluster; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rmq -n "__fish_rmq_using_subcommand check; and not __fish_seen_subcommand_from namesrv broker cluster replication help" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand check; and not __fish_seen_subcommand_from namesrv broker cluster replication help" -s h -l help -d 'Print help'
complete -c rmq -n "__fish_rmq_using_subcommand check; and not __fish_seen_subcommand_from namesrv broker cluster replication help" -f -a "namesrv" -d 'Check that name servers answer'
complete -c rmq -n "__fish_rmq_using_subcommand check; and not __fish_seen_subcommand_from namesrv broker cluster replication help" -f -a "broker" -d 'Check that brokers answer, take messages and have room'
complete -c rmq -n "__fish_rmq_using_subcommand check; and not __fish_seen_subcommand_from namesrv broker cluster replication help" -f -a "cluster" -d 'Check that name servers agree, every broker answers and every broker name has a master'
complete -c rmq -n "__fish_rmq_using_subcommand check; and not __fish_seen_subcommand_from namesrv broker cluster replication help" -f -a "replication" -d 'Check that slaves have what their masters have'
complete -c rmq -n "__fish_rmq_using_subcommand check; and not __fish_seen_subcommand_from namesrv broker cluster replication help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rmq -n "__fish_rmq_using_subcommand check; and __fish_seen_subcommand_from namesrv" -l addr -d 'Only this one' -r
complete -c rmq -n "__fish_rmq_using_subcommand check; and __fish_seen_subcommand_from namesrv" -l wait -d 'Look again and again, for so long, until it is healthy' -r
complete -c rmq -n "__fish_rmq_using_subcommand check; and __fish_seen_subcommand_from namesrv" -s o -l output -d 'How to print' -r -f -a "table\t'Columns'
wide\t'The same, and figures with their limits'
json\t'JSON'
yaml\t'YAML'
csv\t'CSV: findings, an empty line, figures'
name\t'What was looked at, one a line'
nagios\t'One line and an exit code, as Nagios and its kin read them'"
complete -c rmq -n "__fish_rmq_using_subcommand check; and __fish_seen_subcommand_from namesrv" -l every -d 'How often to look' -r
complete -c rmq -n "__fish_rmq_using_subcommand check; and __fish_seen_subcommand_from namesrv" -s n -l namesrv -d 'Name servers [default: of the cluster that `rmq cluster up` runs, else 127.0.0.1:9876]' -r
complete -c rmq -n "__fish_rmq_using_subcommand check; and __fish_seen_subcommand_from namesrv" -l timeout -d 'How long to try before giving up' -r
complete -c rmq -n "__fish_rmq_using_subcommand check; and __fish_seen_subcommand_from namesrv" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand check; and __fish_seen_subcommand_from namesrv" -s w -l watch -d 'Show it again whenever it changes, until Ctrl-C; JSON is then one line each'
complete -c rmq -n "__fish_rmq_using_subcommand check; and __fish_seen_subcommand_from namesrv" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rmq -n "__fish_rmq_using_subcommand check; and __fish_seen_subcommand_from broker" -l addr -d 'Only this one; name servers are not asked then' -r
complete -c rmq -n "__fish_rmq_using_subcommand check; and __fish_seen_subcommand_from broker" -l warn-disk -d 'Warn if a disk is so full' -r
complete -c rmq -n "__fish_rmq_using_subcommand check; and __fish_seen_subcommand_from broker" -l max-disk -d 'Not healthy if a disk is so full' -r
complete -c rmq -n "__fish_rmq_using_subcommand check; and __fish_seen_subcommand_from broker" -l warn-send-wait -d 'Warn if the first waiting send has waited for longer' -r
complete -c rmq -n "__fish_rmq_using_subcommand check; and __fish_seen_subcommand_from broker" -l wait -d 'Look again and again, for so long, until it is healthy' -r
complete -c rmq -n "__fish_rmq_using_subcommand check; and __fish_seen_subcommand_from broker" -s o -l output -d 'How to print' -r -f -a "table\t'Columns'
wide\t'The same, and figures with their limits'
json\t'JSON'
yaml\t'YAML'
csv\t'CSV: findings, an empty line, figures'
name\t'What was looked at, one a line'
nagios\t'One line and an exit code, as Nagios and its kin read them'"
complete -c rmq -n "__fish_rmq_using_subcommand check; and __fish_seen_subcommand_from broker" -l every -d 'How often to look' -r
complete -c rmq -n "__fish_rmq_using_subcommand check; and __fish_seen_subcommand_from broker" -s n -l namesrv -d 'Name servers [default: of the cluster that `rmq cluster up` runs, else 127.0.0.1:9876]' -r
complete -c rmq -n "__fish_rmq_using_subcommand check; and __fish_seen_subcommand_from broker" -l timeout -d 'How long to try before giving up' -r
complete -c rmq -n "__fish_rmq_using_subcommand check; and __fish_seen_subcommand_from broker" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand check; and __fish_seen_subcommand_from broker" -l alive -d 'Only whether it answers, whatever it says: for probes that start a broker anew'
complete -c rmq -n "__fish_rmq_using_subcommand check; and __fish_seen_subcommand_from broker" -s w -l watch -d 'Show it again whenever it changes, until Ctrl-C; JSON is then one line each'
complete -c rmq -n "__fish_rmq_using_subcommand check; and __fish_seen_subcommand_from broker" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rmq -n "__fish_rmq_using_subcommand check; and __fish_seen_subcommand_from cluster" -l brokers -d 'How many brokers there are at least, masters and slaves' -r
complete -c rmq -n "__fish_rmq_using_subcommand check; and __fish_seen_subcommand_from cluster" -l wait -d 'Look again and again, for so long, until it is healthy' -r
complete -c rmq -n "__fish_rmq_using_subcommand check; and __fish_seen_subcommand_from cluster" -s o -l output -d 'How to print' -r -f -a "table\t'Columns'
wide\t'The same, and figures with their limits'
json\t'JSON'
yaml\t'YAML'
csv\t'CSV: findings, an empty line, figures'
name\t'What was looked at, one a line'
nagios\t'One line and an exit code, as Nagios and its kin read them'"
complete -c rmq -n "__fish_rmq_using_subcommand check; and __fish_seen_subcommand_from cluster" -l every -d 'How often to look' -r
complete -c rmq -n "__fish_rmq_using_subcommand check; and __fish_seen_subcommand_from cluster" -s n -l namesrv -d 'Name servers [default: of the cluster that `rmq cluster up` runs, else 127.0.0.1:9876]' -r
complete -c rmq -n "__fish_rmq_using_subcommand check; and __fish_seen_subcommand_from cluster" -l timeout -d 'How long to try before giving up' -r
complete -c rmq -n "__fish_rmq_using_subcommand check; and __fish_seen_subcommand_from cluster" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand check; and __fish_seen_subcommand_from cluster" -s w -l watch -d 'Show it again whenever it changes, until Ctrl-C; JSON is then one line each'
complete -c rmq -n "__fish_rmq_using_subcommand check; and __fish_seen_subcommand_from cluster" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rmq -n "__fish_rmq_using_subcommand check; and __fish_seen_subcommand_from replication" -l max-slave-lag -d 'How much of its master\'s log a slave may lack, in bytes: 0, 4096, 10MiB' -r
complete -c rmq -n "__fish_rmq_using_subcommand check; and __fish_seen_subcommand_from replication" -l min-slaves -d 'How many slaves each master has at least' -r
complete -c rmq -n "__fish_rmq_using_subcommand check; and __fish_seen_subcommand_from replication" -l wait -d 'Look again and again, for so long, until it is healthy' -r
complete -c rmq -n "__fish_rmq_using_subcommand check; and __fish_seen_subcommand_from replication" -s o -l output -d 'How to print' -r -f -a "table\t'Columns'
wide\t'The same, and figures with their limits'
json\t'JSON'
yaml\t'YAML'
csv\t'CSV: findings, an empty line, figures'
name\t'What was looked at, one a line'
nagios\t'One line and an exit code, as Nagios and its kin read them'"
complete -c rmq -n "__fish_rmq_using_subcommand check; and __fish_seen_subcommand_from replication" -l every -d 'How often to look' -r
complete -c rmq -n "__fish_rmq_using_subcommand check; and __fish_seen_subcommand_from replication" -s n -l namesrv -d 'Name servers [default: of the cluster that `rmq cluster up` runs, else 127.0.0.1:9876]' -r
complete -c rmq -n "__fish_rmq_using_subcommand check; and __fish_seen_subcommand_from replication" -l timeout -d 'How long to try before giving up' -r
complete -c rmq -n "__fish_rmq_using_subcommand check; and __fish_seen_subcommand_from replication" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand check; and __fish_seen_subcommand_from replication" -s w -l watch -d 'Show it again whenever it changes, until Ctrl-C; JSON is then one line each'
complete -c rmq -n "__fish_rmq_using_subcommand check; and __fish_seen_subcommand_from replication" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rmq -n "__fish_rmq_using_subcommand check; and __fish_seen_subcommand_from help" -f -a "namesrv" -d 'Check that name servers answer'
complete -c rmq -n "__fish_rmq_using_subcommand check; and __fish_seen_subcommand_from help" -f -a "broker" -d 'Check that brokers answer, take messages and have room'
complete -c rmq -n "__fish_rmq_using_subcommand check; and __fish_seen_subcommand_from help" -f -a "cluster" -d 'Check that name servers agree, every broker answers and every broker name has a master'
complete -c rmq -n "__fish_rmq_using_subcommand check; and __fish_seen_subcommand_from help" -f -a "replication" -d 'Check that slaves have what their masters have'
complete -c rmq -n "__fish_rmq_using_subcommand check; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rmq -n "__fish_rmq_using_subcommand top" -s n -l count -d 'Print so many pictures and end' -r
complete -c rmq -n "__fish_rmq_using_subcommand top" -s d -l every -d 'How often to ask [default: 1s, or as it was chosen the last time with + and -]' -r
complete -c rmq -n "__fish_rmq_using_subcommand top" -s o -l output -d 'How to print' -r -f -a "table\t'Columns'
json\t'JSON'
jsonl\t'JSON, one line a picture'"
complete -c rmq -n "__fish_rmq_using_subcommand top" -l theme -d 'The colours [default: what was chosen the last time with T; else what the terminal can, none with NO_COLOR]' -r -f -a "dark\t'For a dark background, of 256 colours'
light\t'For a light background, of 256 colours'
16\t'The 16 that any terminal has, as it has them'
mono\t'None'"
complete -c rmq -n "__fish_rmq_using_subcommand top" -l lang -d 'The language of headings and help [default: that of the locale]' -r -f -a "en\t'English'
zh\t'Simplified Chinese'"
complete -c rmq -n "__fish_rmq_using_subcommand top" -l record -d 'Write every answer to this file' -r -F
complete -c rmq -n "__fish_rmq_using_subcommand top" -l replay -d 'Show what was recorded, without a cluster' -r -F
complete -c rmq -n "__fish_rmq_using_subcommand top" -l timeout -d 'How long to try before giving up' -r
complete -c rmq -n "__fish_rmq_using_subcommand top" -l namesrv -d 'Name servers [default: of the cluster that `rmq cluster up` runs, else 127.0.0.1:9876]' -r
complete -c rmq -n "__fish_rmq_using_subcommand top" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand top" -l once -d 'Print one picture and end'
complete -c rmq -n "__fish_rmq_using_subcommand top" -l ascii -d 'No characters beyond ASCII [default: if the locale is not UTF-8]'
complete -c rmq -n "__fish_rmq_using_subcommand top" -l no-mouse -d 'Leave the mouse to the terminal, to select text'
complete -c rmq -n "__fish_rmq_using_subcommand top" -l write -d 'Take orders (x, or `:` and what to do): reset offsets, drain brokers, resend dead letters, delete. Each shows what it would change and is done once the name of what it concerns was typed'
complete -c rmq -n "__fish_rmq_using_subcommand top" -l force -d 'Write over the file if it exists'
complete -c rmq -n "__fish_rmq_using_subcommand top" -l record-all -d 'Ask all that any screen could ask, as tests/demo/record.sh does'
complete -c rmq -n "__fish_rmq_using_subcommand top" -l demo -d 'Show a recording that comes along: two masters with slaves, work for them, and trouble'
complete -c rmq -n "__fish_rmq_using_subcommand top" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rmq -n "__fish_rmq_using_subcommand produce" -s m -l message -d 'A message; may be repeated' -r
complete -c rmq -n "__fish_rmq_using_subcommand produce" -l file -d 'A file that is one message; may be repeated' -r -F
complete -c rmq -n "__fish_rmq_using_subcommand produce" -l count -d 'How often to send what is given, or how many messages to make up' -r
complete -c rmq -n "__fish_rmq_using_subcommand produce" -l size -d 'How large messages that are made up are' -r
complete -c rmq -n "__fish_rmq_using_subcommand produce" -s k -l key -d 'A key by which each message can be found; may be repeated' -r
complete -c rmq -n "__fish_rmq_using_subcommand produce" -l tag -d 'The tag by which consumers choose' -r
complete -c rmq -n "__fish_rmq_using_subcommand produce" -s H -l header -d 'A property; may be repeated' -r
complete -c rmq -n "__fish_rmq_using_subcommand produce" -l rate -d 'Send so many messages a second' -r
complete -c rmq -n "__fish_rmq_using_subcommand produce" -l mode -d 'sync: one after another; async: many in flight; oneway: without waiting for answers, so some may be lost' -r -f -a "sync\t''
async\t''
oneway\t''"
complete -c rmq -n "__fish_rmq_using_subcommand produce" -l in-flight -d 'How many messages may wait for their answers in mode async' -r
complete -c rmq -n "__fish_rmq_using_subcommand produce" -l batch -d 'So many messages in one request, stored together or not at all; the last request has the rest' -r
complete -c rmq -n "__fish_rmq_using_subcommand produce" -l order-key -d 'To one queue, chosen by this key: consumers with --ordered get the messages as they were sent' -r
complete -c rmq -n "__fish_rmq_using_subcommand produce" -l order-by -d 'The same with a key of each message: what stands before the first SEPARATOR in it, such as : or a blank' -r
complete -c rmq -n "__fish_rmq_using_subcommand produce" -l delay -d 'Not to be seen before: a LEVEL (1 is 1 s, 3 is 10 s, 18 is 2 h, if the broker is not set up otherwise), or after a length of time (90s, 1h30m) or at a TIME (2026-01-02T03:04:05Z, ms since 1970): these two only with brokers that know them, such as this one and RocketMQ 5: RocketMQ 4 delivers such messages at once' -r
complete -c rmq -n "__fish_rmq_using_subcommand produce" -l transaction -d 'Each in a transaction that ends so, and so do earlier ones that a broker asks about meanwhile' -r -f -a "commit\t'The messages are to be seen'
rollback\t'Nobody is to see them'
unknown\t'The broker is to ask later'"
complete -c rmq -n "__fish_rmq_using_subcommand produce" -l reply-timeout -d 'Wait so long for a reply to each, and print it' -r
complete -c rmq -n "__fish_rmq_using_subcommand produce" -s o -l output -d 'How to print what became of each message' -r -f -a "table\t'Columns'
json\t'One JSON object a line'"
complete -c rmq -n "__fish_rmq_using_subcommand produce" -s n -l namesrv -d 'Name servers [default: of the cluster that `rmq cluster up` runs, else 127.0.0.1:9876]' -r
complete -c rmq -n "__fish_rmq_using_subcommand produce" -l timeout -d 'How long to try before giving up' -r
complete -c rmq -n "__fish_rmq_using_subcommand produce" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand produce" -l trace -d 'Tell the topic of traces what was sent, for brokers with traceTopicEnable'
complete -c rmq -n "__fish_rmq_using_subcommand produce" -s q -l quiet -d 'Print only what went wrong, and the sum'
complete -c rmq -n "__fish_rmq_using_subcommand produce" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rmq -n "__fish_rmq_using_subcommand consume" -s g -l group -d 'Go on where this group stopped, and remember how far it came' -r
complete -c rmq -n "__fish_rmq_using_subcommand consume" -l from -d 'Where to begin: first, last, an OFFSET, -N for the last N of each queue, or a TIME (2026-01-02T03:04:05Z, "2026-01-02 03:04:05", ms since 1970, -10m); for a group, where it has no offset yet' -r
complete -c rmq -n "__fish_rmq_using_subcommand consume" -s n -l count -d 'End after so many messages' -r
complete -c rmq -n "__fish_rmq_using_subcommand consume" -l tag -d 'Only messages with this tag, or one of several: \'a || b\'' -r
complete -c rmq -n "__fish_rmq_using_subcommand consume" -l sql -d 'Only messages of whose properties this is true: "size > 3 AND (TAGS = \'red\' OR shop IS NULL)"' -r
complete -c rmq -n "__fish_rmq_using_subcommand consume" -l invisible -d 'For how long: what is not acknowledged then comes again' -r
complete -c rmq -n "__fish_rmq_using_subcommand consume" -s f -l format -d 'Print each message in this format; see below' -r
complete -c rmq -n "__fish_rmq_using_subcommand consume" -s o -l output -d 'How to print' -r -f -a "raw\t'Bodies, one a line'
json\t'One JSON array'
jsonl\t'One JSON object a line'"
complete -c rmq -n "__fish_rmq_using_subcommand consume" -l instance -d 'Which of several broadcast members on this machine this one is: each has positions of its own' -r
complete -c rmq -n "__fish_rmq_using_subcommand consume" -l fail-every -d 'Answer every Nth message that it is to come again, to try retries and dead letters; such a message is named on standard error and not printed' -r
complete -c rmq -n "__fish_rmq_using_subcommand consume" -l max-retries -d 'How often a message comes again before it is a dead letter [default: 16, or without end with --ordered]' -r
complete -c rmq -n "__fish_rmq_using_subcommand consume" -l timeout -d 'How long to try before giving up' -r
complete -c rmq -n "__fish_rmq_using_subcommand consume" -l namesrv -d 'Name servers [default: of the cluster that `rmq cluster up` runs, else 127.0.0.1:9876]' -r
complete -c rmq -n "__fish_rmq_using_subcommand consume" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand consume" -s e -l end -d 'End where the queues end at the start'
complete -c rmq -n "__fish_rmq_using_subcommand consume" -l pop -d 'Have the brokers hand the messages out for a time, and acknowledge each once it is printed'
complete -c rmq -n "__fish_rmq_using_subcommand consume" -l ordered -d 'One message of a queue after the other: queues are locked for this member'
complete -c rmq -n "__fish_rmq_using_subcommand consume" -l broadcast -d 'Every message to every member: positions are kept in a file of this machine'
complete -c rmq -n "__fish_rmq_using_subcommand consume" -l trace -d 'Tell the topic of traces when messages came and what became of them, for brokers with traceTopicEnable'
complete -c rmq -n "__fish_rmq_using_subcommand consume" -l no-group -d 'Only look: no group takes part and no offset is moved, which is what happens without --group'
complete -c rmq -n "__fish_rmq_using_subcommand consume" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rmq -n "__fish_rmq_using_subcommand topic; and not __fish_seen_subcommand_from list describe create update delete route help" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand topic; and not __fish_seen_subcommand_from list describe create update delete route help" -s h -l help -d 'Print help'
complete -c rmq -n "__fish_rmq_using_subcommand topic; and not __fish_seen_subcommand_from list describe create update delete route help" -f -a "list" -d 'List topics'
complete -c rmq -n "__fish_rmq_using_subcommand topic; and not __fish_seen_subcommand_from list describe create update delete route help" -f -a "describe" -d 'Show a topic: its settings, where its queues begin and end, and who reads it, how far'
complete -c rmq -n "__fish_rmq_using_subcommand topic; and not __fish_seen_subcommand_from list describe create update delete route help" -f -a "create" -d 'Create a topic, or set it anew where it exists'
complete -c rmq -n "__fish_rmq_using_subcommand topic; and not __fish_seen_subcommand_from list describe create update delete route help" -f -a "update" -d 'Change a topic where it exists; what is not said stays as it is at each broker'
complete -c rmq -n "__fish_rmq_using_subcommand topic; and not __fish_seen_subcommand_from list describe create update delete route help" -f -a "delete" -d 'Delete a topic with its messages'
complete -c rmq -n "__fish_rmq_using_subcommand topic; and not __fish_seen_subcommand_from list describe create update delete route help" -f -a "route" -d 'Show which brokers hold a topic'
complete -c rmq -n "__fish_rmq_using_subcommand topic; and not __fish_seen_subcommand_from list describe create update delete route help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from list" -s o -l output -d 'How to print' -r -f -a "table\t'Columns, for people'
wide\t'More columns'
json\t'JSON'
yaml\t'YAML'
csv\t'CSV; several tables one after the other, each with a heading row and an empty line in between'
name\t'Names, one a line'"
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from list" -l every -d 'How often to look' -r
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from list" -s n -l namesrv -d 'Name servers [default: of the cluster that `rmq cluster up` runs, else 127.0.0.1:9876]' -r
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from list" -l timeout -d 'How long to try before giving up' -r
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from list" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from list" -s a -l all -l system -d 'Also those of the system, of retries and of dead letters'
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from list" -s w -l watch -d 'Show it again whenever it changes, until Ctrl-C; JSON is then one line each'
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from describe" -s o -l output -d 'How to print' -r -f -a "table\t'Columns, for people'
wide\t'More columns'
json\t'JSON'
yaml\t'YAML'
csv\t'CSV; several tables one after the other, each with a heading row and an empty line in between'
name\t'Names, one a line'"
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from describe" -l every -d 'How often to look' -r
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from describe" -s n -l namesrv -d 'Name servers [default: of the cluster that `rmq cluster up` runs, else 127.0.0.1:9876]' -r
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from describe" -l timeout -d 'How long to try before giving up' -r
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from describe" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from describe" -s w -l watch -d 'Show it again whenever it changes, until Ctrl-C; JSON is then one line each'
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from describe" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from create" -s q -l queues -d 'How many queues on each broker' -r
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from create" -l read-queues -d 'How many of them consumers read, if not all' -r
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from create" -l write-queues -d 'How many of them producers write, if not all' -r
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from create" -l perm -d 'What is allowed: rw, r, w' -r
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from create" -l cluster -d 'Only at the brokers of this cluster' -r
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from create" -l broker -d 'Only at this broker: its name or its address' -r
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from create" -s o -l output -d 'How to print' -r -f -a "table\t'Columns, for people'
wide\t'More columns'
json\t'JSON'
yaml\t'YAML'
csv\t'CSV; several tables one after the other, each with a heading row and an empty line in between'
name\t'Names, one a line'"
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from create" -s n -l namesrv -d 'Name servers [default: of the cluster that `rmq cluster up` runs, else 127.0.0.1:9876]' -r
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from create" -l timeout -d 'How long to try before giving up' -r
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from create" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from create" -l order -d 'Its messages are to be read in order'
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from create" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from update" -s q -l queues -d 'How many queues on each broker' -r
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from update" -l read-queues -d 'How many queues consumers read' -r
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from update" -l write-queues -d 'How many queues producers write' -r
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from update" -l perm -d 'What is allowed: rw, r, w' -r
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from update" -l order -d 'Whether its messages are to be read in order' -r -f -a "true\t''
false\t''"
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from update" -l cluster -d 'Only at the brokers of this cluster' -r
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from update" -l broker -d 'Only at this broker: its name or its address' -r
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from update" -s o -l output -d 'How to print' -r -f -a "table\t'Columns, for people'
wide\t'More columns'
json\t'JSON'
yaml\t'YAML'
csv\t'CSV; several tables one after the other, each with a heading row and an empty line in between'
name\t'Names, one a line'"
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from update" -s n -l namesrv -d 'Name servers [default: of the cluster that `rmq cluster up` runs, else 127.0.0.1:9876]' -r
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from update" -l timeout -d 'How long to try before giving up' -r
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from update" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from update" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from delete" -l cluster -d 'Only at the brokers of this cluster' -r
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from delete" -l broker -d 'Only at this broker: its name or its address' -r
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from delete" -s o -l output -d 'How to print' -r -f -a "table\t'Columns, for people'
wide\t'More columns'
json\t'JSON'
yaml\t'YAML'
csv\t'CSV; several tables one after the other, each with a heading row and an empty line in between'
name\t'Names, one a line'"
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from delete" -s n -l namesrv -d 'Name servers [default: of the cluster that `rmq cluster up` runs, else 127.0.0.1:9876]' -r
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from delete" -l timeout -d 'How long to try before giving up' -r
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from delete" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from delete" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from route" -s o -l output -d 'How to print' -r -f -a "table\t'Columns, for people'
wide\t'More columns'
json\t'JSON'
yaml\t'YAML'
csv\t'CSV; several tables one after the other, each with a heading row and an empty line in between'
name\t'Names, one a line'"
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from route" -l every -d 'How often to look' -r
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from route" -s n -l namesrv -d 'Name servers [default: of the cluster that `rmq cluster up` runs, else 127.0.0.1:9876]' -r
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from route" -l timeout -d 'How long to try before giving up' -r
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from route" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from route" -s w -l watch -d 'Show it again whenever it changes, until Ctrl-C; JSON is then one line each'
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from route" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from help" -f -a "list" -d 'List topics'
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from help" -f -a "describe" -d 'Show a topic: its settings, where its queues begin and end, and who reads it, how far'
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from help" -f -a "create" -d 'Create a topic, or set it anew where it exists'
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from help" -f -a "update" -d 'Change a topic where it exists; what is not said stays as it is at each broker'
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from help" -f -a "delete" -d 'Delete a topic with its messages'
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from help" -f -a "route" -d 'Show which brokers hold a topic'
complete -c rmq -n "__fish_rmq_using_subcommand topic; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rmq -n "__fish_rmq_using_subcommand group; and not __fish_seen_subcommand_from list describe lag create update delete help" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand group; and not __fish_seen_subcommand_from list describe lag create update delete help" -s h -l help -d 'Print help'
complete -c rmq -n "__fish_rmq_using_subcommand group; and not __fish_seen_subcommand_from list describe lag create update delete help" -f -a "list" -d 'List the groups, with what they have still to consume'
complete -c rmq -n "__fish_rmq_using_subcommand group; and not __fish_seen_subcommand_from list describe lag create update delete help" -f -a "describe" -d 'Show a group: its settings, its members, what it reads, and how far it has come'
complete -c rmq -n "__fish_rmq_using_subcommand group; and not __fish_seen_subcommand_from list describe lag create update delete help" -f -a "lag" -d 'Show what a group has still to consume, queue by queue'
complete -c rmq -n "__fish_rmq_using_subcommand group; and not __fish_seen_subcommand_from list describe lag create update delete help" -f -a "create" -d 'Create a group, or set it anew where it exists'
complete -c rmq -n "__fish_rmq_using_subcommand group; and not __fish_seen_subcommand_from list describe lag create update delete help" -f -a "update" -d 'Change a group where it exists; what is not said stays as it is at each broker'
complete -c rmq -n "__fish_rmq_using_subcommand group; and not __fish_seen_subcommand_from list describe lag create update delete help" -f -a "delete" -d 'Let brokers forget a group'
complete -c rmq -n "__fish_rmq_using_subcommand group; and not __fish_seen_subcommand_from list describe lag create update delete help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from list" -s o -l output -d 'How to print' -r -f -a "table\t'Columns, for people'
wide\t'More columns'
json\t'JSON'
yaml\t'YAML'
csv\t'CSV; several tables one after the other, each with a heading row and an empty line in between'
name\t'Names, one a line'"
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from list" -l every -d 'How often to look' -r
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from list" -s n -l namesrv -d 'Name servers [default: of the cluster that `rmq cluster up` runs, else 127.0.0.1:9876]' -r
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from list" -l timeout -d 'How long to try before giving up' -r
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from list" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from list" -s a -l system -l all -d 'Also those that every broker has for clients and tools'
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from list" -s w -l watch -d 'Show it again whenever it changes, until Ctrl-C; JSON is then one line each'
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from describe" -s o -l output -d 'How to print' -r -f -a "table\t'Columns, for people'
wide\t'More columns'
json\t'JSON'
yaml\t'YAML'
csv\t'CSV; several tables one after the other, each with a heading row and an empty line in between'
name\t'Names, one a line'"
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from describe" -l every -d 'How often to look' -r
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from describe" -s n -l namesrv -d 'Name servers [default: of the cluster that `rmq cluster up` runs, else 127.0.0.1:9876]' -r
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from describe" -l timeout -d 'How long to try before giving up' -r
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from describe" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from describe" -s w -l watch -d 'Show it again whenever it changes, until Ctrl-C; JSON is then one line each'
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from describe" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from lag" -s t -l topic -d 'Only in this topic' -r
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from lag" -l cluster -d 'Only at the brokers of this cluster' -r
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from lag" -l broker -d 'Only at this broker: its name or its address' -r
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from lag" -s o -l output -d 'How to print' -r -f -a "table\t'Columns, for people'
wide\t'More columns'
json\t'JSON'
yaml\t'YAML'
csv\t'CSV; several tables one after the other, each with a heading row and an empty line in between'
name\t'Names, one a line'"
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from lag" -l every -d 'How often to look' -r
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from lag" -s n -l namesrv -d 'Name servers [default: of the cluster that `rmq cluster up` runs, else 127.0.0.1:9876]' -r
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from lag" -l timeout -d 'How long to try before giving up' -r
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from lag" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from lag" -s w -l watch -d 'Show it again whenever it changes, until Ctrl-C; JSON is then one line each'
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from lag" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from create" -l consume-enable -d 'Whether it may consume' -r -f -a "true\t''
false\t''"
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from create" -l consume-from-min-enable -d 'Whether it may begin at the first message: kept by brokers, used by none' -r -f -a "true\t''
false\t''"
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from create" -l consume-broadcast-enable -d 'Whether its members may each consume everything' -r -f -a "true\t''
false\t''"
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from create" -l retry-queue-nums -d 'How many queues its topic of retries has on each broker; none: what it fails on is lost' -r
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from create" -l retry-max-times -d 'How often it is given a message again before that is a dead letter' -r
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from create" -l broker-id -d 'The broker of each name that it reads from: 0 is the master' -r
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from create" -l which-broker-when-consume-slowly -d 'The one that it reads from when it lags far behind' -r
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from create" -l notify-consumer-ids-changed -d 'Whether members are told at once when one comes or goes' -r -f -a "true\t''
false\t''"
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from create" -l cluster -d 'Only at the brokers of this cluster' -r
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from create" -l broker -d 'Only at this broker: its name or its address' -r
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from create" -s o -l output -d 'How to print' -r -f -a "table\t'Columns, for people'
wide\t'More columns'
json\t'JSON'
yaml\t'YAML'
csv\t'CSV; several tables one after the other, each with a heading row and an empty line in between'
name\t'Names, one a line'"
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from create" -s n -l namesrv -d 'Name servers [default: of the cluster that `rmq cluster up` runs, else 127.0.0.1:9876]' -r
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from create" -l timeout -d 'How long to try before giving up' -r
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from create" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from create" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from update" -l consume-enable -d 'Whether it may consume' -r -f -a "true\t''
false\t''"
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from update" -l consume-from-min-enable -d 'Whether it may begin at the first message: kept by brokers, used by none' -r -f -a "true\t''
false\t''"
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from update" -l consume-broadcast-enable -d 'Whether its members may each consume everything' -r -f -a "true\t''
false\t''"
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from update" -l retry-queue-nums -d 'How many queues its topic of retries has on each broker; none: what it fails on is lost' -r
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from update" -l retry-max-times -d 'How often it is given a message again before that is a dead letter' -r
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from update" -l broker-id -d 'The broker of each name that it reads from: 0 is the master' -r
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from update" -l which-broker-when-consume-slowly -d 'The one that it reads from when it lags far behind' -r
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from update" -l notify-consumer-ids-changed -d 'Whether members are told at once when one comes or goes' -r -f -a "true\t''
false\t''"
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from update" -l cluster -d 'Only at the brokers of this cluster' -r
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from update" -l broker -d 'Only at this broker: its name or its address' -r
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from update" -s o -l output -d 'How to print' -r -f -a "table\t'Columns, for people'
wide\t'More columns'
json\t'JSON'
yaml\t'YAML'
csv\t'CSV; several tables one after the other, each with a heading row and an empty line in between'
name\t'Names, one a line'"
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from update" -s n -l namesrv -d 'Name servers [default: of the cluster that `rmq cluster up` runs, else 127.0.0.1:9876]' -r
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from update" -l timeout -d 'How long to try before giving up' -r
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from update" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from update" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from delete" -l cluster -d 'Only at the brokers of this cluster' -r
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from delete" -l broker -d 'Only at this broker: its name or its address' -r
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from delete" -s o -l output -d 'How to print' -r -f -a "table\t'Columns, for people'
wide\t'More columns'
json\t'JSON'
yaml\t'YAML'
csv\t'CSV; several tables one after the other, each with a heading row and an empty line in between'
name\t'Names, one a line'"
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from delete" -s n -l namesrv -d 'Name servers [default: of the cluster that `rmq cluster up` runs, else 127.0.0.1:9876]' -r
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from delete" -l timeout -d 'How long to try before giving up' -r
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from delete" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from delete" -l offsets -d 'Also how far it has come: one of that name begins anew'
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from delete" -l force -d 'Also while members are connected, who make it anew if brokers allow that'
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from delete" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the groups, with what they have still to consume'
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from help" -f -a "describe" -d 'Show a group: its settings, its members, what it reads, and how far it has come'
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from help" -f -a "lag" -d 'Show what a group has still to consume, queue by queue'
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from help" -f -a "create" -d 'Create a group, or set it anew where it exists'
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from help" -f -a "update" -d 'Change a group where it exists; what is not said stays as it is at each broker'
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from help" -f -a "delete" -d 'Let brokers forget a group'
complete -c rmq -n "__fish_rmq_using_subcommand group; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rmq -n "__fish_rmq_using_subcommand client; and not __fish_seen_subcommand_from list help" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand client; and not __fish_seen_subcommand_from list help" -s h -l help -d 'Print help'
complete -c rmq -n "__fish_rmq_using_subcommand client; and not __fish_seen_subcommand_from list help" -f -a "list" -d 'List producers and consumers, with their groups'
complete -c rmq -n "__fish_rmq_using_subcommand client; and not __fish_seen_subcommand_from list help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rmq -n "__fish_rmq_using_subcommand client; and __fish_seen_subcommand_from list" -l group -d 'Only those in this group' -r
complete -c rmq -n "__fish_rmq_using_subcommand client; and __fish_seen_subcommand_from list" -l kind -d 'Only these' -r -f -a "consumer\t'Those that consume'
producer\t'Those that produce'"
complete -c rmq -n "__fish_rmq_using_subcommand client; and __fish_seen_subcommand_from list" -l cluster -d 'Only at the brokers of this cluster' -r
complete -c rmq -n "__fish_rmq_using_subcommand client; and __fish_seen_subcommand_from list" -l broker -d 'Only at this broker: its name or its address' -r
complete -c rmq -n "__fish_rmq_using_subcommand client; and __fish_seen_subcommand_from list" -s o -l output -d 'How to print' -r -f -a "table\t'Columns, for people'
wide\t'More columns'
json\t'JSON'
yaml\t'YAML'
csv\t'CSV; several tables one after the other, each with a heading row and an empty line in between'
name\t'Names, one a line'"
complete -c rmq -n "__fish_rmq_using_subcommand client; and __fish_seen_subcommand_from list" -l every -d 'How often to look' -r
complete -c rmq -n "__fish_rmq_using_subcommand client; and __fish_seen_subcommand_from list" -s n -l namesrv -d 'Name servers [default: of the cluster that `rmq cluster up` runs, else 127.0.0.1:9876]' -r
complete -c rmq -n "__fish_rmq_using_subcommand client; and __fish_seen_subcommand_from list" -l timeout -d 'How long to try before giving up' -r
complete -c rmq -n "__fish_rmq_using_subcommand client; and __fish_seen_subcommand_from list" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand client; and __fish_seen_subcommand_from list" -s w -l watch -d 'Show it again whenever it changes, until Ctrl-C; JSON is then one line each'
complete -c rmq -n "__fish_rmq_using_subcommand client; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rmq -n "__fish_rmq_using_subcommand client; and __fish_seen_subcommand_from help" -f -a "list" -d 'List producers and consumers, with their groups'
complete -c rmq -n "__fish_rmq_using_subcommand client; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rmq -n "__fish_rmq_using_subcommand offset; and not __fish_seen_subcommand_from reset help" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand offset; and not __fish_seen_subcommand_from reset help" -s h -l help -d 'Print help'
complete -c rmq -n "__fish_rmq_using_subcommand offset; and not __fish_seen_subcommand_from reset help" -f -a "reset" -d 'Show where a group would go on, and let it go on there with --execute'
complete -c rmq -n "__fish_rmq_using_subcommand offset; and not __fish_seen_subcommand_from reset help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rmq -n "__fish_rmq_using_subcommand offset; and __fish_seen_subcommand_from reset" -s g -l group -d 'The group' -r
complete -c rmq -n "__fish_rmq_using_subcommand offset; and __fish_seen_subcommand_from reset" -s t -l topic -d 'The topic' -r
complete -c rmq -n "__fish_rmq_using_subcommand offset; and __fish_seen_subcommand_from reset" -l to -d '`first`, `last`, or the first message stored at a time or after: 2026-01-02T03:04:05Z, -10m, ms since 1970' -r
complete -c rmq -n "__fish_rmq_using_subcommand offset; and __fish_seen_subcommand_from reset" -l to-offset -d 'This index of each queue, or the nearest that there is' -r
complete -c rmq -n "__fish_rmq_using_subcommand offset; and __fish_seen_subcommand_from reset" -l shift-by -d 'So many messages further on in each queue; back, if it is negative' -r
complete -c rmq -n "__fish_rmq_using_subcommand offset; and __fish_seen_subcommand_from reset" -l queue -d 'Only this queue; may be repeated' -r
complete -c rmq -n "__fish_rmq_using_subcommand offset; and __fish_seen_subcommand_from reset" -s o -l output -d 'How to print' -r -f -a "table\t'Columns, for people'
wide\t'More columns'
json\t'JSON'
yaml\t'YAML'
csv\t'CSV; several tables one after the other, each with a heading row and an empty line in between'
name\t'Names, one a line'"
complete -c rmq -n "__fish_rmq_using_subcommand offset; and __fish_seen_subcommand_from reset" -s n -l namesrv -d 'Name servers [default: of the cluster that `rmq cluster up` runs, else 127.0.0.1:9876]' -r
complete -c rmq -n "__fish_rmq_using_subcommand offset; and __fish_seen_subcommand_from reset" -l timeout -d 'How long to try before giving up' -r
complete -c rmq -n "__fish_rmq_using_subcommand offset; and __fish_seen_subcommand_from reset" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand offset; and __fish_seen_subcommand_from reset" -l execute -d 'Do it: without this, nothing is changed'
complete -c rmq -n "__fish_rmq_using_subcommand offset; and __fish_seen_subcommand_from reset" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rmq -n "__fish_rmq_using_subcommand offset; and __fish_seen_subcommand_from help" -f -a "reset" -d 'Show where a group would go on, and let it go on there with --execute'
complete -c rmq -n "__fish_rmq_using_subcommand offset; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rmq -n "__fish_rmq_using_subcommand message; and not __fish_seen_subcommand_from get find help" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand message; and not __fish_seen_subcommand_from get find help" -s h -l help -d 'Print help'
complete -c rmq -n "__fish_rmq_using_subcommand message; and not __fish_seen_subcommand_from get find help" -f -a "get" -d 'Show the message with an id'
complete -c rmq -n "__fish_rmq_using_subcommand message; and not __fish_seen_subcommand_from get find help" -f -a "find" -d 'List the messages of a topic that have a key'
complete -c rmq -n "__fish_rmq_using_subcommand message; and not __fish_seen_subcommand_from get find help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rmq -n "__fish_rmq_using_subcommand message; and __fish_seen_subcommand_from get" -l id -d 'The id its producer gave it, or the one its broker gave it' -r
complete -c rmq -n "__fish_rmq_using_subcommand message; and __fish_seen_subcommand_from get" -s t -l topic -d 'Its topic; without it every topic is searched for a producer\'s id' -r
complete -c rmq -n "__fish_rmq_using_subcommand message; and __fish_seen_subcommand_from get" -s o -l output -d 'How to print' -r -f -a "table\t'For people'
wide\t'The same with more columns'
json\t'JSON: an object for one, an array for many'
jsonl\t'One JSON object a line'
yaml\t'YAML'
csv\t'CSV with a heading'
name\t'Ids, one a line'
raw\t'Bodies, one a line'"
complete -c rmq -n "__fish_rmq_using_subcommand message; and __fish_seen_subcommand_from get" -s f -l format -d 'Print each message in this format; see below' -r
complete -c rmq -n "__fish_rmq_using_subcommand message; and __fish_seen_subcommand_from get" -s n -l namesrv -d 'Name servers [default: of the cluster that `rmq cluster up` runs, else 127.0.0.1:9876]' -r
complete -c rmq -n "__fish_rmq_using_subcommand message; and __fish_seen_subcommand_from get" -l timeout -d 'How long to try before giving up' -r
complete -c rmq -n "__fish_rmq_using_subcommand message; and __fish_seen_subcommand_from get" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand message; and __fish_seen_subcommand_from get" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rmq -n "__fish_rmq_using_subcommand message; and __fish_seen_subcommand_from find" -s t -l topic -d 'Where to look' -r
complete -c rmq -n "__fish_rmq_using_subcommand message; and __fish_seen_subcommand_from find" -s k -l key -d 'The key, as it was given to the message' -r
complete -c rmq -n "__fish_rmq_using_subcommand message; and __fish_seen_subcommand_from find" -l from -d 'Stored at or after this time: 2026-01-02T03:04:05Z, "2026-01-02 03:04:05" (local), ms since 1970, -10m' -r
complete -c rmq -n "__fish_rmq_using_subcommand message; and __fish_seen_subcommand_from find" -l to -d 'Stored at or before this time' -r
complete -c rmq -n "__fish_rmq_using_subcommand message; and __fish_seen_subcommand_from find" -l max -d 'At most so many from each broker' -r
complete -c rmq -n "__fish_rmq_using_subcommand message; and __fish_seen_subcommand_from find" -s o -l output -d 'How to print' -r -f -a "table\t'For people'
wide\t'The same with more columns'
json\t'JSON: an object for one, an array for many'
jsonl\t'One JSON object a line'
yaml\t'YAML'
csv\t'CSV with a heading'
name\t'Ids, one a line'
raw\t'Bodies, one a line'"
complete -c rmq -n "__fish_rmq_using_subcommand message; and __fish_seen_subcommand_from find" -s f -l format -d 'Print each message in this format; see below' -r
complete -c rmq -n "__fish_rmq_using_subcommand message; and __fish_seen_subcommand_from find" -s n -l namesrv -d 'Name servers [default: of the cluster that `rmq cluster up` runs, else 127.0.0.1:9876]' -r
complete -c rmq -n "__fish_rmq_using_subcommand message; and __fish_seen_subcommand_from find" -l timeout -d 'How long to try before giving up' -r
complete -c rmq -n "__fish_rmq_using_subcommand message; and __fish_seen_subcommand_from find" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand message; and __fish_seen_subcommand_from find" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rmq -n "__fish_rmq_using_subcommand message; and __fish_seen_subcommand_from help" -f -a "get" -d 'Show the message with an id'
complete -c rmq -n "__fish_rmq_using_subcommand message; and __fish_seen_subcommand_from help" -f -a "find" -d 'List the messages of a topic that have a key'
complete -c rmq -n "__fish_rmq_using_subcommand message; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rmq -n "__fish_rmq_using_subcommand dlq; and not __fish_seen_subcommand_from list peek resend help" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand dlq; and not __fish_seen_subcommand_from list peek resend help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rmq -n "__fish_rmq_using_subcommand dlq; and not __fish_seen_subcommand_from list peek resend help" -f -a "list" -d 'List the groups that have dead letters, or the queues that hold those of one group'
complete -c rmq -n "__fish_rmq_using_subcommand dlq; and not __fish_seen_subcommand_from list peek resend help" -f -a "peek" -d 'Print the dead letters of a group, the oldest first'
complete -c rmq -n "__fish_rmq_using_subcommand dlq; and not __fish_seen_subcommand_from list peek resend help" -f -a "resend" -d 'Send the dead letters of a group again, each to the topic it was first sent to'
complete -c rmq -n "__fish_rmq_using_subcommand dlq; and not __fish_seen_subcommand_from list peek resend help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rmq -n "__fish_rmq_using_subcommand dlq; and __fish_seen_subcommand_from list" -s o -l output -d 'How to print' -r -f -a "table\t'Columns, for people'
wide\t'More columns'
json\t'JSON'
yaml\t'YAML'
csv\t'CSV; several tables one after the other, each with a heading row and an empty line in between'
name\t'Names, one a line'"
complete -c rmq -n "__fish_rmq_using_subcommand dlq; and __fish_seen_subcommand_from list" -l every -d 'How often to look' -r
complete -c rmq -n "__fish_rmq_using_subcommand dlq; and __fish_seen_subcommand_from list" -s n -l namesrv -d 'Name servers [default: of the cluster that `rmq cluster up` runs, else 127.0.0.1:9876]' -r
complete -c rmq -n "__fish_rmq_using_subcommand dlq; and __fish_seen_subcommand_from list" -l timeout -d 'How long to try before giving up' -r
complete -c rmq -n "__fish_rmq_using_subcommand dlq; and __fish_seen_subcommand_from list" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand dlq; and __fish_seen_subcommand_from list" -s w -l watch -d 'Show it again whenever it changes, until Ctrl-C; JSON is then one line each'
complete -c rmq -n "__fish_rmq_using_subcommand dlq; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rmq -n "__fish_rmq_using_subcommand dlq; and __fish_seen_subcommand_from peek" -l from -d 'Where to begin: first, last, an OFFSET, -N for the last N of each queue, or a TIME (2026-01-02T03:04:05Z, "2026-01-02 03:04:05", ms since 1970, -10m): when they became dead letters' -r
complete -c rmq -n "__fish_rmq_using_subcommand dlq; and __fish_seen_subcommand_from peek" -s n -l count -d 'End after so many messages' -r
complete -c rmq -n "__fish_rmq_using_subcommand dlq; and __fish_seen_subcommand_from peek" -s f -l format -d 'Print each message in this format; see below' -r
complete -c rmq -n "__fish_rmq_using_subcommand dlq; and __fish_seen_subcommand_from peek" -s o -l output -d 'How to print' -r -f -a "raw\t'Bodies, one a line'
json\t'One JSON array'
jsonl\t'One JSON object a line'"
complete -c rmq -n "__fish_rmq_using_subcommand dlq; and __fish_seen_subcommand_from peek" -l timeout -d 'How long to try before giving up' -r
complete -c rmq -n "__fish_rmq_using_subcommand dlq; and __fish_seen_subcommand_from peek" -l namesrv -d 'Name servers [default: of the cluster that `rmq cluster up` runs, else 127.0.0.1:9876]' -r
complete -c rmq -n "__fish_rmq_using_subcommand dlq; and __fish_seen_subcommand_from peek" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand dlq; and __fish_seen_subcommand_from peek" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rmq -n "__fish_rmq_using_subcommand dlq; and __fish_seen_subcommand_from resend" -l to -d 'Send them to this topic instead' -r
complete -c rmq -n "__fish_rmq_using_subcommand dlq; and __fish_seen_subcommand_from resend" -s k -l key -d 'Only those with this key' -r
complete -c rmq -n "__fish_rmq_using_subcommand dlq; and __fish_seen_subcommand_from resend" -l id -d 'Only the one with this id' -r
complete -c rmq -n "__fish_rmq_using_subcommand dlq; and __fish_seen_subcommand_from resend" -l from -d 'Where to begin: first, last, an OFFSET, -N for the last N of each queue, or a TIME (2026-01-02T03:04:05Z, "2026-01-02 03:04:05", ms since 1970, -10m): when they became dead letters' -r
complete -c rmq -n "__fish_rmq_using_subcommand dlq; and __fish_seen_subcommand_from resend" -s n -l count -d 'At most so many' -r
complete -c rmq -n "__fish_rmq_using_subcommand dlq; and __fish_seen_subcommand_from resend" -s o -l output -d 'How to print what became of each message' -r -f -a "table\t'Columns'
json\t'One JSON object a line'"
complete -c rmq -n "__fish_rmq_using_subcommand dlq; and __fish_seen_subcommand_from resend" -l timeout -d 'How long to try before giving up' -r
complete -c rmq -n "__fish_rmq_using_subcommand dlq; and __fish_seen_subcommand_from resend" -l namesrv -d 'Name servers [default: of the cluster that `rmq cluster up` runs, else 127.0.0.1:9876]' -r
complete -c rmq -n "__fish_rmq_using_subcommand dlq; and __fish_seen_subcommand_from resend" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand dlq; and __fish_seen_subcommand_from resend" -l dry-run -d 'Send nothing, but print what would be sent'
complete -c rmq -n "__fish_rmq_using_subcommand dlq; and __fish_seen_subcommand_from resend" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rmq -n "__fish_rmq_using_subcommand dlq; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the groups that have dead letters, or the queues that hold those of one group'
complete -c rmq -n "__fish_rmq_using_subcommand dlq; and __fish_seen_subcommand_from help" -f -a "peek" -d 'Print the dead letters of a group, the oldest first'
complete -c rmq -n "__fish_rmq_using_subcommand dlq; and __fish_seen_subcommand_from help" -f -a "resend" -d 'Send the dead letters of a group again, each to the topic it was first sent to'
complete -c rmq -n "__fish_rmq_using_subcommand dlq; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rmq -n "__fish_rmq_using_subcommand store; and not __fish_seen_subcommand_from ls verify dump repair help" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand store; and not __fish_seen_subcommand_from ls verify dump repair help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rmq -n "__fish_rmq_using_subcommand store; and not __fish_seen_subcommand_from ls verify dump repair help" -f -a "ls" -d 'List the files of a store: what each covers, how full it is, when it was written'
complete -c rmq -n "__fish_rmq_using_subcommand store; and not __fish_seen_subcommand_from ls verify dump repair help" -f -a "verify" -d 'Check every record, and that log, queues and index agree; exit code 1 if anything is wrong'
complete -c rmq -n "__fish_rmq_using_subcommand store; and not __fish_seen_subcommand_from ls verify dump repair help" -f -a "dump" -d 'Print the records of a log as JSON, one a line'
complete -c rmq -n "__fish_rmq_using_subcommand store; and not __fish_seen_subcommand_from ls verify dump repair help" -f -a "repair" -d 'Mend a store that no process has open: cut a torn end, build queues and index anew where they are wrong'
complete -c rmq -n "__fish_rmq_using_subcommand store; and not __fish_seen_subcommand_from ls verify dump repair help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rmq -n "__fish_rmq_using_subcommand store; and __fish_seen_subcommand_from ls" -s c -l config -d 'The settings of its broker, where maxHashSlotNum, maxIndexNum or messageDelayLevel are not the usual ones, or storePathCommitLog is elsewhere' -r -F
complete -c rmq -n "__fish_rmq_using_subcommand store; and __fish_seen_subcommand_from ls" -s o -l output -d 'How to print' -r -f -a "table\t'Columns, for people'
wide\t'More columns'
json\t'One JSON object'
jsonl\t'One JSON object a line'
yaml\t'The same object as YAML'
csv\t'CSV with a heading'
name\t'Paths of files, one a line'"
complete -c rmq -n "__fish_rmq_using_subcommand store; and __fish_seen_subcommand_from ls" -l every -d 'How often to look' -r
complete -c rmq -n "__fish_rmq_using_subcommand store; and __fish_seen_subcommand_from ls" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand store; and __fish_seen_subcommand_from ls" -s w -l watch -d 'Show it again whenever it changes, until Ctrl-C; JSON is then one line each'
complete -c rmq -n "__fish_rmq_using_subcommand store; and __fish_seen_subcommand_from ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rmq -n "__fish_rmq_using_subcommand store; and __fish_seen_subcommand_from verify" -s c -l config -d 'The settings of its broker, where maxHashSlotNum, maxIndexNum or messageDelayLevel are not the usual ones, or storePathCommitLog is elsewhere' -r -F
complete -c rmq -n "__fish_rmq_using_subcommand store; and __fish_seen_subcommand_from verify" -l max -d 'List at most so many of each: errors, warnings, notes; the others are counted' -r
complete -c rmq -n "__fish_rmq_using_subcommand store; and __fish_seen_subcommand_from verify" -s o -l output -d 'How to print' -r -f -a "table\t'For people'
json\t'One JSON object'
jsonl\t'One JSON object a line'"
complete -c rmq -n "__fish_rmq_using_subcommand store; and __fish_seen_subcommand_from verify" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand store; and __fish_seen_subcommand_from verify" -l strict -d 'Take warnings and notes for errors'
complete -c rmq -n "__fish_rmq_using_subcommand store; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rmq -n "__fish_rmq_using_subcommand store; and __fish_seen_subcommand_from dump" -s c -l config -d 'The settings of its broker, where maxHashSlotNum, maxIndexNum or messageDelayLevel are not the usual ones, or storePathCommitLog is elsewhere' -r -F
complete -c rmq -n "__fish_rmq_using_subcommand store; and __fish_seen_subcommand_from dump" -l from -d 'At or behind this offset of the log' -r
complete -c rmq -n "__fish_rmq_using_subcommand store; and __fish_seen_subcommand_from dump" -l to -d 'Before this offset of the log' -r
complete -c rmq -n "__fish_rmq_using_subcommand store; and __fish_seen_subcommand_from dump" -l from-time -d 'Stored at or after this time: 2026-01-02T03:04:05Z, "2026-01-02 03:04:05" (local), ms since 1970, -10m' -r
complete -c rmq -n "__fish_rmq_using_subcommand store; and __fish_seen_subcommand_from dump" -l to-time -d 'Stored at or before this time' -r
complete -c rmq -n "__fish_rmq_using_subcommand store; and __fish_seen_subcommand_from dump" -s t -l topic -d 'Of this topic' -r
complete -c rmq -n "__fish_rmq_using_subcommand store; and __fish_seen_subcommand_from dump" -s q -l queue -d 'Of this queue of the topic' -r
complete -c rmq -n "__fish_rmq_using_subcommand store; and __fish_seen_subcommand_from dump" -s k -l key -d 'With this key, or with this as the id its producer gave it' -r
complete -c rmq -n "__fish_rmq_using_subcommand store; and __fish_seen_subcommand_from dump" -l limit -d 'At most so many' -r
complete -c rmq -n "__fish_rmq_using_subcommand store; and __fish_seen_subcommand_from dump" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand store; and __fish_seen_subcommand_from dump" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rmq -n "__fish_rmq_using_subcommand store; and __fish_seen_subcommand_from repair" -s c -l config -d 'The settings of its broker, where maxHashSlotNum, maxIndexNum or messageDelayLevel are not the usual ones, or storePathCommitLog is elsewhere' -r -F
complete -c rmq -n "__fish_rmq_using_subcommand store; and __fish_seen_subcommand_from repair" -s o -l output -d 'How to print' -r -f -a "table\t'For people'
json\t'One JSON object'
jsonl\t'One JSON object a line'"
complete -c rmq -n "__fish_rmq_using_subcommand store; and __fish_seen_subcommand_from repair" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand store; and __fish_seen_subcommand_from repair" -l dry-run -d 'Tell what would be done; change nothing'
complete -c rmq -n "__fish_rmq_using_subcommand store; and __fish_seen_subcommand_from repair" -l execute -d 'Do it'
complete -c rmq -n "__fish_rmq_using_subcommand store; and __fish_seen_subcommand_from repair" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rmq -n "__fish_rmq_using_subcommand store; and __fish_seen_subcommand_from help" -f -a "ls" -d 'List the files of a store: what each covers, how full it is, when it was written'
complete -c rmq -n "__fish_rmq_using_subcommand store; and __fish_seen_subcommand_from help" -f -a "verify" -d 'Check every record, and that log, queues and index agree; exit code 1 if anything is wrong'
complete -c rmq -n "__fish_rmq_using_subcommand store; and __fish_seen_subcommand_from help" -f -a "dump" -d 'Print the records of a log as JSON, one a line'
complete -c rmq -n "__fish_rmq_using_subcommand store; and __fish_seen_subcommand_from help" -f -a "repair" -d 'Mend a store that no process has open: cut a torn end, build queues and index anew where they are wrong'
complete -c rmq -n "__fish_rmq_using_subcommand store; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rmq -n "__fish_rmq_using_subcommand completions" -l log-level -d 'What to log on standard error: error, warn, info, debug, trace, or a list such as `info,broker=debug`' -r
complete -c rmq -n "__fish_rmq_using_subcommand completions" -s h -l help -d 'Print help'
complete -c rmq -n "__fish_rmq_using_subcommand help; and not __fish_seen_subcommand_from namesrv broker cluster check top produce consume topic group client offset message dlq store completions help" -f -a "namesrv" -d 'Run a name server, where clients and brokers find each other'
complete -c rmq -n "__fish_rmq_using_subcommand help; and not __fish_seen_subcommand_from namesrv broker cluster check top produce consume topic group client offset message dlq store completions help" -f -a "broker" -d 'Run a broker, which keeps the messages'
complete -c rmq -n "__fish_rmq_using_subcommand help; and not __fish_seen_subcommand_from namesrv broker cluster check top produce consume topic group client offset message dlq store completions help" -f -a "cluster" -d 'Run clusters on this machine, for development and tests'
complete -c rmq -n "__fish_rmq_using_subcommand help; and not __fish_seen_subcommand_from namesrv broker cluster check top produce consume topic group client offset message dlq store completions help" -f -a "check" -d 'Check whether servers are well: for probes, monitors and CI'
complete -c rmq -n "__fish_rmq_using_subcommand help; and not __fish_seen_subcommand_from namesrv broker cluster check top produce consume topic group client offset message dlq store completions help" -f -a "top" -d 'Watch a whole cluster on one screen: rates, lags, flush, replication, disks'
complete -c rmq -n "__fish_rmq_using_subcommand help; and not __fish_seen_subcommand_from namesrv broker cluster check top produce consume topic group client offset message dlq store completions help" -f -a "produce" -d 'Send messages: one a line of standard input, or as told'
complete -c rmq -n "__fish_rmq_using_subcommand help; and not __fish_seen_subcommand_from namesrv broker cluster check top produce consume topic group client offset message dlq store completions help" -f -a "consume" -d 'Print the messages of a topic'
complete -c rmq -n "__fish_rmq_using_subcommand help; and not __fish_seen_subcommand_from namesrv broker cluster check top produce consume topic group client offset message dlq store completions help" -f -a "topic" -d 'List topics, show what they are like, create, change and delete them'
complete -c rmq -n "__fish_rmq_using_subcommand help; and not __fish_seen_subcommand_from namesrv broker cluster check top produce consume topic group client offset message dlq store completions help" -f -a "group" -d 'List groups, show what they are and how far they have come, create, change and delete them'
complete -c rmq -n "__fish_rmq_using_subcommand help; and not __fish_seen_subcommand_from namesrv broker cluster check top produce consume topic group client offset message dlq store completions help" -f -a "client" -d 'List the clients that are connected'
complete -c rmq -n "__fish_rmq_using_subcommand help; and not __fish_seen_subcommand_from namesrv broker cluster check top produce consume topic group client offset message dlq store completions help" -f -a "offset" -d 'Change where a group goes on'
complete -c rmq -n "__fish_rmq_using_subcommand help; and not __fish_seen_subcommand_from namesrv broker cluster check top produce consume topic group client offset message dlq store completions help" -f -a "message" -d 'Find messages by their id or by a key'
complete -c rmq -n "__fish_rmq_using_subcommand help; and not __fish_seen_subcommand_from namesrv broker cluster check top produce consume topic group client offset message dlq store completions help" -f -a "dlq" -d 'Look at the messages that a group failed on too often, and send them again'
complete -c rmq -n "__fish_rmq_using_subcommand help; and not __fish_seen_subcommand_from namesrv broker cluster check top produce consume topic group client offset message dlq store completions help" -f -a "store" -d 'Look into a store directory: list, verify, dump, repair'
complete -c rmq -n "__fish_rmq_using_subcommand help; and not __fish_seen_subcommand_from namesrv broker cluster check top produce consume topic group client offset message dlq store completions help" -f -a "completions" -d 'Print what a shell must know to complete command lines'
complete -c rmq -n "__fish_rmq_using_subcommand help; and not __fish_seen_subcommand_from namesrv broker cluster check top produce consume topic group client offset message dlq store completions help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rmq -n "__fish_rmq_using_subcommand help; and __fish_seen_subcommand_from broker" -f -a "list" -d 'List the brokers of a cluster, with how they are'
complete -c rmq -n "__fish_rmq_using_subcommand help; and __fish_seen_subcommand_from broker" -f -a "describe" -d 'Show all that a broker says of itself'
complete -c rmq -n "__fish_rmq_using_subcommand help; and __fish_seen_subcommand_from broker" -f -a "config" -d 'Show the settings of a broker that runs, and change those that may change meanwhile'
complete -c rmq -n "__fish_rmq_using_subcommand help; and __fish_seen_subcommand_from broker" -f -a "drain" -d 'Send producers to other brokers, so that this one can be stopped once it is read'
complete -c rmq -n "__fish_rmq_using_subcommand help; and __fish_seen_subcommand_from broker" -f -a "undrain" -d 'Let producers send to a broker again'
complete -c rmq -n "__fish_rmq_using_subcommand help; and __fish_seen_subcommand_from cluster" -f -a "up" -d 'Bring a cluster up; returns when every node serves and every slave has what its master had'
complete -c rmq -n "__fish_rmq_using_subcommand help; and __fish_seen_subcommand_from cluster" -f -a "status" -d 'Show how a cluster is; fails unless all of it serves'
complete -c rmq -n "__fish_rmq_using_subcommand help; and __fish_seen_subcommand_from cluster" -f -a "logs" -d 'Print what the nodes logged, in the order of time'
complete -c rmq -n "__fish_rmq_using_subcommand help; and __fish_seen_subcommand_from cluster" -f -a "stop" -d 'Stop nodes, as a service manager does'
complete -c rmq -n "__fish_rmq_using_subcommand help; and __fish_seen_subcommand_from cluster" -f -a "start" -d 'Start nodes that do not run'
complete -c rmq -n "__fish_rmq_using_subcommand help; and __fish_seen_subcommand_from cluster" -f -a "restart" -d 'Start nodes that do not run'
complete -c rmq -n "__fish_rmq_using_subcommand help; and __fish_seen_subcommand_from cluster" -f -a "kill" -d 'Kill nodes with kill -9, to see what happens then'
complete -c rmq -n "__fish_rmq_using_subcommand help; and __fish_seen_subcommand_from cluster" -f -a "down" -d 'Stop a cluster'
complete -c rmq -n "__fish_rmq_using_subcommand help; and __fish_seen_subcommand_from cluster" -f -a "list" -d 'List the clusters of this machine'
complete -c rmq -n "__fish_rmq_using_subcommand help; and __fish_seen_subcommand_from cluster" -f -a "env" -d 'Print what a shell needs to use a cluster: eval "$(rmq cluster env)"'
complete -c rmq -n "__fish_rmq_using_subcommand help; and __fish_seen_subcommand_from cluster" -f -a "template" -d 'List, show and check templates: what clusters consist of'
complete -c rmq -n "__fish_rmq_using_subcommand help; and __fish_seen_subcommand_from cluster" -f -a "render" -d 'Write a cluster as files for machines of your own, systemd, compose or Kubernetes'
complete -c rmq -n "__fish_rmq_using_subcommand help; and __fish_seen_subcommand_from check" -f -a "namesrv" -d 'Check that name servers answer'
complete -c rmq -n "__fish_rmq_using_subcommand help; and __fish_seen_subcommand_from check" -f -a "broker" -d 'Check that brokers answer, take messages and have room'
complete -c rmq -n "__fish_rmq_using_subcommand help; and __fish_seen_subcommand_from check" -f -a "cluster" -d 'Check that name servers agree, every broker answers and every broker name has a master'
complete -c rmq -n "__fish_rmq_using_subcommand help; and __fish_seen_subcommand_from check" -f -a "replication" -d 'Check that slaves have what their masters have'
complete -c rmq -n "__fish_rmq_using_subcommand help; and __fish_seen_subcommand_from topic" -f -a "list" -d 'List topics'
complete -c rmq -n "__fish_rmq_using_subcommand help; and __fish_seen_subcommand_from topic" -f -a "describe" -d 'Show a topic: its settings, where its queues begin and end, and who reads it, how far'
complete -c rmq -n "__fish_rmq_using_subcommand help; and __fish_seen_subcommand_from topic" -f -a "create" -d 'Create a topic, or set it anew where it exists'
complete -c rmq -n "__fish_rmq_using_subcommand help; and __fish_seen_subcommand_from topic" -f -a "update" -d 'Change a topic where it exists; what is not said stays as it is at each broker'
complete -c rmq -n "__fish_rmq_using_subcommand help; and __fish_seen_subcommand_from topic" -f -a "delete" -d 'Delete a topic with its messages'
complete -c rmq -n "__fish_rmq_using_subcommand help; and __fish_seen_subcommand_from topic" -f -a "route" -d 'Show which brokers hold a topic'
complete -c rmq -n "__fish_rmq_using_subcommand help; and __fish_seen_subcommand_from group" -f -a "list" -d 'List the groups, with what they have still to consume'
complete -c rmq -n "__fish_rmq_using_subcommand help; and __fish_seen_subcommand_from group" -f -a "describe" -d 'Show a group: its settings, its members, what it reads, and how far it has come'
complete -c rmq -n "__fish_rmq_using_subcommand help; and __fish_seen_subcommand_from group" -f -a "lag" -d 'Show what a group has still to consume, queue by queue'
complete -c rmq -n "__fish_rmq_using_subcommand help; and __fish_seen_subcommand_from group" -f -a "create" -d 'Create a group, or set it anew where it exists'
complete -c rmq -n "__fish_rmq_using_subcommand help; and __fish_seen_subcommand_from group" -f -a "update" -d 'Change a group where it exists; what is not said stays as it is at each broker'
complete -c rmq -n "__fish_rmq_using_subcommand help; and __fish_seen_subcommand_from group" -f -a "delete" -d 'Let brokers forget a group'
complete -c rmq -n "__fish_rmq_using_subcommand help; and __fish_seen_subcommand_from client" -f -a "list" -d 'List producers and consumers, with their groups'
complete -c rmq -n "__fish_rmq_using_subcommand help; and __fish_seen_subcommand_from offset" -f -a "reset" -d 'Show where a group would go on, and let it go on there with --execute'
complete -c rmq -n "__fish_rmq_using_subcommand help; and __fish_seen_subcommand_from message" -f -a "get" -d 'Show the message with an id'
complete -c rmq -n "__fish_rmq_using_subcommand help; and __fish_seen_subcommand_from message" -f -a "find" -d 'List the messages of a topic that have a key'
complete -c rmq -n "__fish_rmq_using_subcommand help; and __fish_seen_subcommand_from dlq" -f -a "list" -d 'List the groups that have dead letters, or the queues that hold those of one group'
complete -c rmq -n "__fish_rmq_using_subcommand help; and __fish_seen_subcommand_from dlq" -f -a "peek" -d 'Print the dead letters of a group, the oldest first'
complete -c rmq -n "__fish_rmq_using_subcommand help; and __fish_seen_subcommand_from dlq" -f -a "resend" -d 'Send the dead letters of a group again, each to the topic it was first sent to'
complete -c rmq -n "__fish_rmq_using_subcommand help; and __fish_seen_subcommand_from store" -f -a "ls" -d 'List the files of a store: what each covers, how full it is, when it was written'
complete -c rmq -n "__fish_rmq_using_subcommand help; and __fish_seen_subcommand_from store" -f -a "verify" -d 'Check every record, and that log, queues and index agree; exit code 1 if anything is wrong'
complete -c rmq -n "__fish_rmq_using_subcommand help; and __fish_seen_subcommand_from store" -f -a "dump" -d 'Print the records of a log as JSON, one a line'
complete -c rmq -n "__fish_rmq_using_subcommand help; and __fish_seen_subcommand_from store" -f -a "repair" -d 'Mend a store that no process has open: cut a torn end, build queues and index anew where they are wrong'
