"""Health checks of docker-compose.yml, in the standard library and Celery alone: they run every few seconds.

python docker/health.py URL [COMPONENT]      answers, and says that the component is healthy
python docker/health.py celery               this host's Celery worker answers a ping
"""

import json
import os
import shlex
import subprocess
import sys
import urllib.request

SECONDS = 5


def answers(url: str, component: str = "") -> bool:
    """Whether a page is there; with a component, whether Airflow's monitor says that it is healthy."""
    with urllib.request.urlopen(url, timeout=SECONDS) as page:
        return not component or json.load(page)[component]["status"] == "healthy"


def pings() -> bool:
    """Whether the Celery worker celery@$HOSTNAME takes orders, whatever its tasks do."""
    from celery import Celery

    command = shlex.split(os.environ["AIRFLOW__CELERY__BROKER_URL_CMD"])
    broker = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    node = f"celery@{os.environ['HOSTNAME']}"
    return bool(Celery(broker=broker).control.ping(destination=[node], timeout=SECONDS))


def main() -> int:
    subject, *component = sys.argv[1:]
    try:
        healthy = pings() if subject == "celery" else answers(subject, *component)
    except Exception as error:
        print(f"{subject}: {error}", file=sys.stderr)
        return 1
    return 0 if healthy else 1


if __name__ == "__main__":
    sys.exit(main())
