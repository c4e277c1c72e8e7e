"""asimov's plugins, run unmodified: see `adapter`, and `docs/plugins.md` for what works and what does not."""
