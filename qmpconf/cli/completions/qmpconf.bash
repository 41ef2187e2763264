# Loaded by bash-completion when 'qmpconf' is completed first; the script is that of the installed version.
eval "$("${COMP_WORDS[0]:-qmpconf}" completion bash 2>/dev/null || qmpconf completion bash)"
