"""The subcommands of `gwfollow`, one module each, imported when they are called."""
