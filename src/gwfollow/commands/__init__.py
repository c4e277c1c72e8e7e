"""One module for each command of ``gwfollow``; `gwfollow.cli` imports the one that is called."""
