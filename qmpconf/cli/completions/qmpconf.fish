# Loaded by fish when 'qmpconf' is completed first; the script is that of the installed version.
qmpconf completion fish | source
