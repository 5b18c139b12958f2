# Completion for bash: rempart(1), rempart-audit(1) and the daemons. Commands and options are asked of the program itself.
_rempart()
{
	local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
	local words=() i commands=
	for ((i = 1; i < COMP_CWORD; i++)); do
		[[ ${COMP_WORDS[i]} = -* ]] || words+=("${COMP_WORDS[i]}")
	done
	case $previous in
	--ca | --cert | --key | --certificate | --secret-out | --passphrase-file | --secret-key-file | --vkey-out)
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		compopt -o filenames
		return
		;;
	--lang) mapfile -t COMPREPLY < <(compgen -W 'en fr' -- "$word"); return ;;
	--sse) mapfile -t COMPREPLY < <(compgen -W 'AES256 aws:kms' -- "$word"); return ;;
	esac
	if [[ $word = -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(rempart "${words[@]:0:2}" --help 2>/dev/null | grep -oE -- '--[a-z-]+')" -- "$word")
		return
	fi
	# "  user create TENANT USER   ..." -> "user create"
	commands=$(rempart --help 2>/dev/null | sed -nE 's/^  ([a-z-]+)( [a-z]+)?( .*)?$/\1\2/p')
	case ${#words[@]} in
	0) mapfile -t COMPREPLY < <(compgen -W "$(cut -d' ' -f1 <<<"$commands")" -- "$word") ;;
	1) mapfile -t COMPREPLY < <(compgen -W "$(sed -n "s/^${words[0]} //p" <<<"$commands")" -- "$word") ;;
	esac
	if [[ ${words[0]-} = cp && ${#COMPREPLY[@]} -eq 0 ]]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		compopt -o filenames
	fi
}
complete -F _rempart rempart

# The other programs: options are asked of the program; the first word of the auditor is a command.
_rempart_other()
{
	local program=${COMP_WORDS[0]} word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} help
	case $previous in
	--log) mapfile -t COMPREPLY < <(compgen -d -- "$word"); compopt -o filenames; return ;;
	--key | --since-checkpoint | --token-key | --proof | --config)
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		compopt -o filenames
		return
		;;
	--lang) mapfile -t COMPREPLY < <(compgen -W 'en fr' -- "$word"); return ;;
	esac
	help=$("$program" --help 2>/dev/null)
	if [[ ${program##*/} = rempart-audit ]]; then
		if ((COMP_CWORD == 1)) && [[ $word != -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "$(sed -nE 's/^  ([a-z]+) --.*/\1/p' <<<"$help")" -- "$word")
			return
		fi
		# From "  verify --log ..." to the next command; and what every command takes.
		help=$(sed -n "/^  ${COMP_WORDS[1]} --/,/^  [a-z]* --/{/^  ${COMP_WORDS[1]} --/p;/^      /p}" <<<"$help"; echo "--lang --help")
	fi
	[[ $word = -* ]] && mapfile -t COMPREPLY < <(compgen -W "$(grep -oE -- '--[a-z-]+' <<<"$help" | sort -u)" -- "$word")
}
complete -F _rempart_other rempart-audit rempart-gateway rempart-kms
