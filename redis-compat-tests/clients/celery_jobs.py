"""Celery: tasks that a worker's processes do. The argument says where to connect, as JSON."""
import os
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone

import celery
from celery.exceptions import TaskRevokedError
from celery.result import GroupResult

PATIENCE_SECONDS = 40
HERE = os.path.dirname(os.path.abspath(__file__))
#: The worker imports this file to know the tasks; it is told where to connect in its environment.
URL = os.environ.get("CELERY_JOBS_URL", "redis://")

app = celery.Celery("celery_jobs", broker=URL, backend=URL)
app.conf.update(
    broker_connection_retry_on_startup=True, result_extended=True, task_acks_late=True, worker_prefetch_multiplier=1,
    broker_transport_options={"visibility_timeout": 60}, task_send_sent_event=True, worker_send_task_events=True,
    task_routes={"celery_jobs.pid": {"queue": "other"}}, result_expires=3600,
)


@app.task
def multiply(one, other):
    return one * other


@app.task
def total(numbers):
    return sum(numbers)


@app.task(bind=True, max_retries=3)
def succeeds_at_last(self, failures):
    if self.request.retries < failures:
        raise self.retry(countdown=0.1)
    return self.request.retries


@app.task
def fails():
    raise ValueError("it was asked to")


@app.task
def pid():
    return os.getpid()


@app.task(bind=True)
def tells(self):
    for step in range(3):
        self.update_state(state="PROGRESS", meta={"step": step})
    return "told"


class Work:
    """A worker with its processes while the block runs, as operators start it."""

    ARGV = [sys.executable, "-m", "celery", "-A", "celery_jobs", "worker", "--concurrency", "2", "--loglevel", "ERROR",
            "--queues", "celery,other"]

    def __enter__(self):
        self.process = subprocess.Popen(self.ARGV, cwd=HERE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        env={**os.environ, "CELERY_JOBS_URL": app.conf.broker_url})
        return self.process

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def end_of(result):
    return result.get(timeout=PATIENCE_SECONDS)


#: Sent before there is a worker.
BEFORE = []


def tasks_are_done():
    assert [end_of(result) for result in BEFORE] == [number * number for number in range(30)]
    assert end_of(multiply.delay(6, 7)) == 42


def failures_and_retries():
    failed = fails.delay()
    try:
        end_of(failed)
        raise AssertionError("it failed")
    except ValueError as error:
        assert "asked to" in str(error) and failed.state == "FAILURE" and "ValueError" in failed.traceback
    assert end_of(succeeds_at_last.delay(2)) == 2


def chains_groups_and_chords():
    assert end_of(celery.chain(multiply.s(2, 3), multiply.s(7))()) == 42
    group = celery.group(multiply.s(number, 2) for number in range(10))()
    group.save()
    assert end_of(group) == [2 * number for number in range(10)]
    assert len(GroupResult.restore(group.id)) == 10
    assert end_of(celery.chord([multiply.s(number, 1) for number in range(20)])(total.s())) == sum(range(20))


def tasks_are_late():
    started = time.monotonic()
    result = multiply.apply_async((3, 4), eta=datetime.now(timezone.utc) + timedelta(seconds=1))
    assert end_of(result) == 12 and time.monotonic() - started > 0.9


def tasks_are_routed_and_told_of():
    assert end_of(pid.delay()) != os.getpid()
    assert end_of(tells.delay()) == "told"
    # Over a fan-out exchange and back: publish and subscribe.
    assert any(answer for answer in app.control.ping(timeout=5)), "a worker answers"
    inspected = app.control.inspect(timeout=5).registered()
    assert any("celery_jobs.multiply" in tasks for tasks in inspected.values())


def tasks_are_revoked():
    assert end_of(multiply.delay(1, 1)) == 1
    result = multiply.apply_async((1, 2), countdown=2)
    result.revoke()
    try:
        end_of(result)
        raise AssertionError("it was revoked")
    except TaskRevokedError:
        pass


def queues_are_purged():
    app.control.purge()  # what the worker did not come to
    for number in range(5):
        multiply.delay(number, number)
    assert app.control.purge() == 5


WORKED = [tasks_are_done, failures_and_retries, chains_groups_and_chords, tasks_are_late, tasks_are_routed_and_told_of,
          tasks_are_revoked]


def attempt(test):
    try:
        test()
        print(f"ok {test.__name__}", flush=True)
    except Exception as error:
        print(f"not ok {test.__name__}: {type(error).__name__}: {str(error).splitlines()[:1]}", flush=True)


def main():
    import redis

    import where

    url = f"redis://{where.WHERE['host']}:{where.WHERE['port']}/0"
    app.conf.update(broker_url=url, result_backend=url)
    where.client(redis).flushall()
    BEFORE.extend(multiply.delay(number, number) for number in range(30))
    with Work():
        for test in WORKED:
            attempt(test)
    attempt(queues_are_purged)
    print("end")


if __name__ == "__main__":
    main()
