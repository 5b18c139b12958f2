# Completion of rempart(1) for bash. Commands and options are asked of the program itself.
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
