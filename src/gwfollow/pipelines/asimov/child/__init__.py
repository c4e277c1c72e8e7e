"""The folder that is put on the search path of the Python that has asimov; it holds one package, `gwfollow_child`, and nothing of gwfollow."""
