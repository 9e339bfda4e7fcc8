"""What every log of commits does, whoever keeps it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest

from chalicelib.domain.commit import Commit, commit_to_json, first_broken, make_commit
from chalicelib.domain.events import MessageSent
from chalicelib.ports import CaseLog, Note, Submission, VersionTaken
from tests.contract.stores import Store

NOW = datetime(2026, 1, 5, 1, 2, 3, 456789, tzinfo=UTC)
CASE = "D7K3-M9QF-2XHVA"


def a_commit(version: int = 1, previous: str = "", *, case: str = CASE, at: datetime = NOW, told: str = "x") -> Commit:
    return make_commit(case, version, [MessageSent(at=at, by="hall", happening=told)], previous)


def a_chain(length: int, case: str = CASE, told: str = "x") -> list[Commit]:
    commits: list[Commit] = []
    for version in range(1, length + 1):
        commits.append(a_commit(version, commits[-1].hash if commits else "", case=case, told=told))
    return commits


def a_submission(revision: int = 1, salt: str = "salt", **answers: object) -> Submission:
    return Submission(CASE, revision, salt, answers, {})


@pytest.fixture
def log(store: Store) -> CaseLog:
    return store.case_log()


def test_an_unknown_case_is_none(log: CaseLog) -> None:
    assert log.load(CASE) is None


def test_a_case_is_read_back_as_it_was_written(log: CaseLog) -> None:
    first, second, third = a_chain(3)
    submissions = [a_submission(1, "s1", name="张三"), a_submission(2, "s2", name="李四")]
    note = Note(CASE, "digest", "salt", "missing page 2")
    log.append(first, submissions[0])
    log.append(second, submissions[1], note)
    log.append(third)
    record = log.load(CASE)
    assert record is not None
    assert record.commits == (first, second, third)
    assert log.documents(CASE) == tuple(map(commit_to_json, (first, second, third)))
    assert log.documents("unknown") == ()
    assert record.submissions == tuple(submissions)
    assert record.notes == (note,)
    assert record.answers == {"name": "李四"}
    assert first_broken(map(commit_to_json, record.commits)) is None


def test_cases_do_not_mix(log: CaseLog) -> None:
    log.append(a_commit(case="A"), Submission("A", 1, "salt", {"of": "a"}, {}))
    log.append(a_commit(case="B"))
    record = log.load("B")
    assert record is not None
    assert [commit.case for commit in record.commits] == ["B"]
    assert record.submissions == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "张三 · 𠮷野家 🏮",
        "\u0000\u001f\u007f\u2028",
        'quote " backslash \\ slash /',
        "e\u0301 é",
        "\ufeff\uffff",
    ],
)
def test_texts_of_any_script_come_back_exactly(log: CaseLog, text: str) -> None:
    note = Note(CASE, "digest", text, text)
    submission = Submission(CASE, 1, text, {"text": text, text: "key"}, {"licence": [text]})
    log.append(a_commit(told=text), submission, note)
    record = log.load(CASE)
    assert record is not None
    assert record.submissions == (submission,)
    assert record.notes == (note,)
    assert record.commits == (a_commit(told=text),)


def test_a_text_that_no_encoding_has_is_refused_before_anything_is_written(log: CaseLog) -> None:
    with pytest.raises(ValueError, match="surrogates"):
        log.append(a_commit(), a_submission(name="\ud800"))
    assert log.load(CASE) is None


def test_numbers_stay_the_numbers_they_were(log: CaseLog) -> None:
    answers = {
        "integer": 12345678901234567890123,
        "negative": -1,
        "zero": 0,
        "float": 0.1,
        "small": 5e-324,
        "large": 1.7976931348623157e308,
        "whole": 1.0,
        "yes": True,
        "no": False,
        "none": None,
        "nested": {"list": [1, [2.5, {}], []], "empty": {}},
    }
    log.append(a_commit(), a_submission(1, "salt", **answers))
    record = log.load(CASE)
    assert record is not None
    assert json.dumps(record.answers, sort_keys=True) == json.dumps(answers, sort_keys=True)


def test_answers_as_large_as_the_api_takes_them_come_back(log: CaseLog) -> None:
    answers = {"text": "证" * (256 * 1024 // 3)}
    log.append(a_commit(), a_submission(1, "salt", **answers))
    record = log.load(CASE)
    assert record is not None
    assert record.answers == answers


def test_a_case_of_several_megabytes_is_read_whole(log: CaseLog) -> None:
    commits = a_chain(12, told="证" * 60_000)
    for commit in commits:
        log.append(commit)
    for revision in range(1, 5):
        log.append(a_commit(12 + revision, at=NOW), a_submission(revision, text="证" * 80_000))
    record = log.load(CASE)
    assert record is not None
    assert record.commits[:12] == tuple(commits)
    assert [commit.version for commit in record.commits] == list(range(1, 17))
    assert [submission.revision for submission in record.submissions] == [1, 2, 3, 4]


def test_a_version_is_written_once(log: CaseLog) -> None:
    log.append(a_commit(told="first"))
    with pytest.raises(VersionTaken):
        log.append(a_commit(told="second"))
    record = log.load(CASE)
    assert record is not None
    assert record.commits == (a_commit(told="first"),)


def test_even_the_very_same_commit_is_written_once(log: CaseLog) -> None:
    log.append(a_commit())
    with pytest.raises(VersionTaken):
        log.append(a_commit())


def test_what_lies_beside_a_refused_commit_is_not_written(log: CaseLog) -> None:
    log.append(a_commit(), a_submission(1, "salt", of="the winner"))
    with pytest.raises(VersionTaken):
        log.append(
            a_commit(told="late"), a_submission(1, "salt", of="the loser"), Note(CASE, "digest", "salt", "the loser's")
        )
    record = log.load(CASE)
    assert record is not None
    assert record.answers == {"of": "the winner"}
    assert record.notes == ()


@pytest.mark.parametrize("beside", [False, True])
def test_of_writers_that_meet_at_a_version_exactly_one_wins(log: CaseLog, beside: bool) -> None:
    writers = 8
    start = Barrier(writers)

    def write(writer: int) -> bool:
        extra = [a_submission(1, "salt", writer=writer)] if beside else []
        start.wait()
        try:
            log.append(a_commit(told=str(writer)), *extra)
        except VersionTaken:
            return False
        return True

    with ThreadPoolExecutor(writers) as pool:
        won = list(pool.map(write, range(writers)))
    assert won.count(True) == 1
    record = log.load(CASE)
    assert record is not None
    assert record.commits == (a_commit(told=str(won.index(True))),)
    if beside:
        assert record.answers == {"writer": won.index(True)}


def test_erasing_a_person_leaves_the_chain_whole_and_no_salt(log: CaseLog) -> None:
    chain = a_chain(3)
    log.append(chain[0], a_submission(1, "secret-salt-1", name="张三"))
    log.append(chain[1], a_submission(2, "secret-salt-2"), Note(CASE, "digest", "secret-salt-3", "because"))
    log.append(chain[2])
    log.erase(CASE)
    record = log.load(CASE)
    assert record is not None
    assert record.commits == tuple(chain)
    assert first_broken(map(commit_to_json, record.commits)) is None
    assert record.submissions == ()
    assert record.notes == ()
    assert record.answers == {}


def test_erasing_takes_more_than_one_request_can(log: CaseLog) -> None:
    chain = a_chain(30)
    for version, commit in enumerate(chain, start=1):
        log.append(commit, Note(CASE, f"digest-{version}", "salt", "text"), a_submission(version))
    log.erase(CASE)
    record = log.load(CASE)
    assert record is not None
    assert (len(record.commits), record.submissions, record.notes) == (30, (), ())


def test_erasing_leaves_other_cases_alone_and_may_be_repeated(log: CaseLog) -> None:
    log.append(a_commit(), a_submission())
    log.append(a_commit(case="other"), Submission("other", 1, "salt", {"name": "李四"}, {}))
    log.erase(CASE)
    log.erase(CASE)
    log.erase("nobody")
    record = log.load("other")
    assert record is not None
    assert record.answers == {"name": "李四"}


def test_commits_wait_in_the_outbox_until_they_are_handed_on(log: CaseLog) -> None:
    first, second = a_chain(2)
    log.append(first)
    log.append(second, a_submission())
    later = NOW + timedelta(microseconds=1)
    assert sorted(log.unrelayed(later)) == [(CASE, 1), (CASE, 2)]
    log.relayed(CASE, 1)
    assert list(log.unrelayed(later)) == [(CASE, 2)]
    log.relayed(CASE, 1)
    log.relayed(CASE, 2)
    assert list(log.unrelayed(later)) == []
    record = log.load(CASE)
    assert record is not None
    assert record.commits == (first, second)


def test_the_outbox_knows_which_commits_are_from_before(log: CaseLog) -> None:
    whole_second = NOW.replace(microsecond=0)
    log.append(a_commit(case="whole", at=whole_second))
    log.append(a_commit(case="half", at=whole_second + timedelta(milliseconds=500)))
    assert list(log.unrelayed(whole_second)) == []
    assert [case for case, _ in log.unrelayed(whole_second + timedelta(milliseconds=1))] == ["whole"]
    assert [case for case, _ in log.unrelayed(whole_second + timedelta(milliseconds=500))] == ["whole"]
    assert sorted(case for case, _ in log.unrelayed(whole_second + timedelta(seconds=1))) == ["half", "whole"]


def test_handing_on_what_was_never_written_writes_nothing(log: CaseLog) -> None:
    log.relayed(CASE, 1)
    assert log.load(CASE) is None


def test_every_case_is_named_once_and_the_naming_can_be_taken_up_again(log: CaseLog) -> None:
    assert list(log.cases()) == []
    for case in ("A", "B", "C"):
        for commit in a_chain(2, case):
            log.append(commit, Submission(case, commit.version, "salt", {}, {}))
    found = list(log.cases())
    assert sorted(found) == ["A", "B", "C"]
    for number, case in enumerate(found, start=1):
        assert list(log.cases(after=case)) == found[number:]
