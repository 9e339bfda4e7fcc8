"""The five tables, item by item. Keys and indexes are those of infra/aws/resources.yaml.

The models know no table's name: ``tables.bind`` gives them one. What the hall writes once and reads back whole
(commits, answers, texts, look-ups) is one text of canonical JSON: DynamoDB's own numbers and maps would change it on
the way. Instants are texts in UTC of a fixed width (``adapters.instants``).
"""

from __future__ import annotations

from pynamodb.attributes import BinaryAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, IncludeProjection, KeysOnlyProjection
from pynamodb.models import Model


class OutboxIndex(GlobalSecondaryIndex["CaseItem"]):  # type: ignore[no-untyped-call]
    """Commits that were not handed on, by shard, oldest first."""

    class Meta:
        index_name = "outbox"
        projection = KeysOnlyProjection()

    outbox = UnicodeAttribute(hash_key=True)
    at = UnicodeAttribute(range_key=True)


class CaseItem(Model):
    """A commit, a submission or a note of a case. ``writer`` tells one attempt at a commit from another's."""

    case = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    body = UnicodeAttribute()
    version = NumberAttribute(null=True)
    at = UnicodeAttribute(null=True)
    outbox = UnicodeAttribute(null=True)
    writer = UnicodeAttribute(null=True)

    waiting = OutboxIndex()


class QueueIndex(GlobalSecondaryIndex["ViewItem"]):  # type: ignore[no-untyped-call]
    """The rows of one room in one state, most urgent first."""

    class Meta:
        index_name = "queue"
        projection = AllProjection()

    queue = UnicodeAttribute(hash_key=True)
    urgency = UnicodeAttribute(range_key=True)


class OverviewIndex(GlobalSecondaryIndex["ViewItem"]):  # type: ignore[no-untyped-call]
    """The rows of all rooms in one state, most urgent first."""

    class Meta:
        index_name = "overview"
        projection = AllProjection()

    overview = UnicodeAttribute(hash_key=True)
    urgency = UnicodeAttribute(range_key=True)


class AttentionIndex(GlobalSecondaryIndex["ViewItem"]):  # type: ignore[no-untyped-call]
    """The heads of the cases that need a look by themselves, the earliest first."""

    class Meta:
        index_name = "attention"
        projection = IncludeProjection(["version", "looks"])

    attention = UnicodeAttribute(hash_key=True)
    attention_at = UnicodeAttribute(range_key=True)


class ViewItem(Model):
    """The head of a case, or one of its rows in the queue. ``saves`` counts a head's writes, so that none is lost."""

    case = UnicodeAttribute(hash_key=True)
    row = UnicodeAttribute(range_key=True)

    version = NumberAttribute(null=True)
    saves = NumberAttribute(null=True)
    looks = NumberAttribute(null=True)
    attention = UnicodeAttribute(null=True)
    attention_at = UnicodeAttribute(null=True)

    queue = UnicodeAttribute(null=True)
    overview = UnicodeAttribute(null=True)
    urgency = UnicodeAttribute(null=True)
    room = UnicodeAttribute(null=True)
    service = UnicodeAttribute(null=True)
    state = UnicodeAttribute(null=True)
    task = UnicodeAttribute(null=True)
    due = UnicodeAttribute(null=True)
    light = UnicodeAttribute(null=True)

    by_queue = QueueIndex()
    by_overview = OverviewIndex()
    by_attention = AttentionIndex()


class LedgerItem(Model):
    """An entry of the books, among the views in the partition of its day."""

    case = UnicodeAttribute(hash_key=True)
    row = UnicodeAttribute(range_key=True)
    body = UnicodeAttribute()


class PendingIndex(GlobalSecondaryIndex["InboxItem"]):  # type: ignore[no-untyped-call]
    """Messages that wait to be applied, or could not be, oldest first."""

    class Meta:
        index_name = "pending"
        projection = AllProjection()

    pending = UnicodeAttribute(hash_key=True)
    received_at = UnicodeAttribute(range_key=True)


class InboxItem(Model):
    """What a vendor told us. ``pending`` is absent once it was applied."""

    id = UnicodeAttribute(hash_key=True)
    source = UnicodeAttribute()
    body = BinaryAttribute(legacy_encoding=False)
    received_at = UnicodeAttribute()
    state = UnicodeAttribute()
    error = UnicodeAttribute()
    pending = UnicodeAttribute(null=True)

    by_state = PendingIndex()


class CertificateItem(Model):
    """What everyone may know of a certificate."""

    number = UnicodeAttribute(hash_key=True)
    case = UnicodeAttribute()
    code = UnicodeAttribute()
    service = UnicodeAttribute()
    version = UnicodeAttribute()
    holder = UnicodeAttribute()
    issued_at = UnicodeAttribute()
    valid_until = UnicodeAttribute(null=True)
    digest = UnicodeAttribute()
    revoked_at = UnicodeAttribute(null=True)
    delivered_at = UnicodeAttribute(null=True)


class LookupItem(Model):
    """A small record. ``expires`` is DynamoDB's time to live, in seconds since 1970."""

    key = UnicodeAttribute(hash_key=True)
    value = UnicodeAttribute(null=True)
    counted = NumberAttribute(null=True)
    expires = NumberAttribute(null=True)
    writer = UnicodeAttribute(null=True)
