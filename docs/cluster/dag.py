"""An Airflow DAG: inputs are prepared once, parts run side by side, then they are joined."""

from airflow import DAG
from airflow.providers.standard.operators.bash import BashOperator

DATA, PARTS = "/data", 4

with DAG(dag_id="pff_stream", schedule=None, default_args={"retries": 3}):
    prepare = BashOperator(
        task_id="prepare",
        cwd=DATA,
        bash_command="pff-stream compile rules.tsv -o rules.pffr"
        " && pff-stream encode graph.tsv -o graph.pffg",
    )
    parts = [
        BashOperator(
            task_id=f"part_{number}",
            cwd=DATA,
            bash_command=f"sh part.sh {number} {PARTS} rules.pffr graph.pffg parts",
        )
        for number in range(1, PARTS + 1)
    ]
    join = BashOperator(
        task_id="join",
        cwd=DATA,
        bash_command="pff-stream join parts/part-* --out results --fail-on none",
    )
    prepare >> parts >> join
