"""Names in Redis. The keys of a model share the hash tag `{tag}`: one slot of a Redis Cluster."""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from dataclasses import dataclass

from muscgen.errors import JobNotFound

PREFIX = "muscgen"
TAG_CHARS = 12
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_JOB_ID = re.compile(rf"job_([0-9a-f]{{{TAG_CHARS}}})_[0-9A-Za-z]{{1,64}}")


def tag(model: str) -> str:
    """The hash tag of a model: 12 hexadecimal digits."""
    return hashlib.sha256(model.encode()).hexdigest()[:TAG_CHARS]


def new_job_id(model: str) -> str:
    """`job_<tag>_<ulid>`: URL-safe, and any replica finds the model's slot from it."""
    number = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    ulid = "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))
    return f"job_{tag(model)}_{ulid}"


def born_at(job_id: str) -> float:
    """When the id was drawn, in Unix seconds; 0 for one that `new_job_id` did not make."""
    number = 0
    for digit in job_id.rpartition("_")[2][:10]:
        if (value := _CROCKFORD.find(digit)) < 0:
            return 0.0
        number = number << 5 | value
    return number / 1000


def tag_of(job_id: str) -> str:
    """The tag inside a job id. Raises JobNotFound for text that cannot be one."""
    match = _JOB_ID.fullmatch(job_id)
    if match is None:
        raise JobNotFound(f"there is no job {job_id[:100]!r}")
    return match[1]


def idempotency_hash(tenant: str, key: str) -> str:
    """What an idempotency key is stored under: neither the key nor the tenant can be read back."""
    return hashlib.sha256(f"{len(tenant)}:{tenant}{key}".encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one model. The scripts build the others from `queue`, with the same names."""

    tag: str
    prefix: str = PREFIX

    @property
    def base(self) -> str:
        """What every name of the model begins with."""
        return f"{self.prefix}:{{{self.tag}}}:"

    def _name(self, name: str) -> str:
        return self.base + name

    @property
    def queue(self) -> str:
        return self._name("q")

    @property
    def delayed(self) -> str:
        return self._name("delayed")

    @property
    def leases(self) -> str:
        return self._name("leases")

    @property
    def wake(self) -> str:
        return self._name("wake")

    @property
    def index(self) -> str:
        return self._name("jobs")

    @property
    def workers(self) -> str:
        return self._name("workers")

    @property
    def pace(self) -> str:
        return self._name("pace")

    @property
    def paused(self) -> str:
        return self._name("paused")

    @property
    def coming(self) -> str:
        return self._name("coming")

    @property
    def recent(self) -> str:
        return self._name("recent")

    def task(self, task_id: str) -> str:
        return self._name(f"task:{task_id}")

    @property
    def dead(self) -> str:
        return self._name("dead")

    def cached(self, work: str) -> str:
        return self._name(f"cached:{work}")

    def uses(self, job_id: str) -> str:
        return self._name(f"uses:{job_id}")

    def letter(self, job_id: str) -> str:
        return self._name(f"letter:{job_id}")

    def worker(self, worker: str) -> str:
        return self._name(f"worker:{worker}")

    def job(self, job_id: str) -> str:
        return self._name(f"job:{job_id}")

    def events(self, job_id: str) -> str:
        return self._name(f"ev:{job_id}")

    def codes(self, job_id: str) -> str:
        return self._name(f"codes:{job_id}")

    def sound(self, job_id: str, output: int) -> str:
        return self._name(f"snd:{output}:{job_id}")

    @property
    def dead_hooks(self) -> str:
        return self._name("hooks:dead")

    def hook(self, job_id: str) -> str:
        return self._name(f"hook:{job_id}")

    def idempotency(self, digest: str) -> str:
        return self._name(f"idem:{digest}")


def models_key(prefix: str) -> str:
    """HASH of tag -> model id: every model that ever had a job or a worker."""
    return f"{prefix}:models"


def guard_key(prefix: str, digest: str) -> str:
    """Which model's slot an idempotency key was used in."""
    return f"{prefix}:guard:{digest}"


def control_channels(prefix: str) -> str:
    """The pattern of the pub/sub channels that say: look at this job now."""
    return f"{prefix}:*:ctl"
