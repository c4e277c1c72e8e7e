"""gwfollow's pages inside the Airflow web UI."""
