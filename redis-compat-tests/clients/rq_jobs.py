"""RQ: jobs that a worker process does. The argument says where to connect, as JSON."""
import json
import os
import subprocess
import sys
import time
from datetime import timedelta

import redis
import rq
from rq.job import JobStatus

import where

PATIENCE_SECONDS = 30
HERE = os.path.dirname(os.path.abspath(__file__))
#: A worker as operators start it, but that the connection is told as here.
WORKER = """
import sys; sys.path.insert(0, {here!r})
import redis, rq, where
connection = where.client(redis)
rq.Worker({queues!r}, connection=connection).work(with_scheduler={scheduled}, burst={burst})
"""


class Work:
    """A worker process while the block runs."""

    def __init__(self, *queues, burst=False, scheduled=False):
        self.code = WORKER.format(here=HERE, queues=list(queues), burst=burst, scheduled=scheduled)

    def __enter__(self):
        self.process = subprocess.Popen([sys.executable, "-c", self.code, sys.argv[1]], cwd=HERE,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        return self.process

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()


def until(condition, what):
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, f"no {what} in time"
        time.sleep(0.02)


def finished(job):
    until(lambda: job.get_status(refresh=True) in (JobStatus.FINISHED, JobStatus.FAILED), f"end of {job.id}")
    return job


def jobs_are_done(r):
    queue = rq.Queue("plain", connection=r)
    jobs = [queue.enqueue("operator.mul", number, number) for number in range(20)]
    assert queue.count == 20
    with Work("plain"):
        assert [finished(job).return_value() for job in jobs] == [number * number for number in range(20)]
        assert queue.count == 0 and len(queue.finished_job_registry) == 20
        # One more, for which the worker waits.
        assert finished(queue.enqueue("operator.add", 1, 2)).return_value() == 3


def failures_are_kept(r):
    queue = rq.Queue("failing", connection=r)
    job = queue.enqueue("operator.truediv", 1, 0)
    with Work("failing", burst=True) as process:
        process.wait(PATIENCE_SECONDS)
    assert job.get_status(refresh=True) == JobStatus.FAILED
    assert len(queue.failed_job_registry) == 1 and "ZeroDivisionError" in job.latest_result().exc_string


def retries(r):
    queue = rq.Queue("retried", connection=r)
    job = queue.enqueue("operator.truediv", 1, 0, retry=rq.Retry(max=2))
    with Work("retried", burst=True) as process:
        process.wait(PATIENCE_SECONDS)
    assert job.get_status(refresh=True) == JobStatus.FAILED
    job.refresh()
    assert job.retries_left == 0 and len(queue.failed_job_registry) == 1


def dependencies(r):
    queue = rq.Queue("chained", connection=r)
    first = queue.enqueue("operator.add", 2, 3)
    second = queue.enqueue("operator.mul", 6, 7, depends_on=first)
    assert second.get_status() == JobStatus.DEFERRED
    with Work("chained"):
        assert finished(second).return_value() == 42 and first.return_value() == 5


def scheduled_jobs(r):
    queue = rq.Queue("later", connection=r)
    job = queue.enqueue_in(timedelta(seconds=1), "operator.neg", 5)
    assert job.get_status() == JobStatus.SCHEDULED
    with Work("later", scheduled=True):
        assert finished(job).return_value() == -5


def several_queues_and_workers(r):
    urgent, slow = rq.Queue("urgent", connection=r), rq.Queue("slow", connection=r)
    jobs = [queue.enqueue("operator.neg", number) for number in range(10) for queue in (slow, urgent)]
    with Work("urgent", "slow"), Work("slow", "urgent"):
        until(lambda: len(rq.Worker.all(connection=r)) == 2, "two workers")
        assert all(finished(job).return_value() is not None for job in jobs)


def jobs_are_cancelled(r):
    queue = rq.Queue("cancelled", connection=r)
    job, other = queue.enqueue("operator.neg", 1), queue.enqueue("operator.neg", 2)
    job.cancel()
    assert job.get_status(refresh=True) == JobStatus.CANCELED and queue.count == 1
    other.delete()
    assert queue.count == 0 and len(queue.canceled_job_registry) == 1


TESTS = [jobs_are_done, failures_are_kept, retries, dependencies, scheduled_jobs, several_queues_and_workers, jobs_are_cancelled]


def main():
    r = where.client(redis)
    for test in TESTS:
        try:
            r.flushall()
            test(r)
            print(f"ok {test.__name__}", flush=True)
        except Exception as error:
            print(f"not ok {test.__name__}: {type(error).__name__}: {str(error).splitlines()[:1]}", flush=True)
    print("end")


if __name__ == "__main__":
    main()
