"""What runs in the environment of an asimov plugin: the standard library, asimov and the plugin, nothing of gwfollow.

Works with every Python that asimov 0.8 works with (3.9 and newer).  Started by `gwfollow.pipelines.asimov.process`.
"""
