"""Hooks: from an Airflow connection to our own objects.  Where a connection is not defined the settings decide."""
