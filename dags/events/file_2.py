"""DAGs of one part of the active events, for Airflow: see pe_operators/event_dags.py."""

from pe_operators.event_dags import dags_of_file

globals().update(dags_of_file(2))
