"""Ten tasks of Airflow, each after the one before it, that do nothing."""

import datetime

from airflow.sdk import chain, dag, task


@dag(schedule=None, start_date=datetime.datetime(2026, 1, 1), catchup=False)
def ten_in_a_chain():
    def nothing():
        pass

    chain(*(task(task_id=f"task_{number}")(nothing)() for number in range(10)))


ten_in_a_chain()
