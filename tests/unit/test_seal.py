"""Certificate numbers, masked names and the seal."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.adapters.es256 import verifier
from chalicelib.adapters.local_signer import LocalSigner
from chalicelib.adapters.qr import qr_svg
from chalicelib.domain import seal
from chalicelib.domain.errors import Invalid
from chalicelib.domain.numbers import ALPHABET, parse_case_number

HALL = "https://hall.example"
BEIJING = timezone(timedelta(hours=8))
SIGNER = LocalSigner()
VERIFY = verifier([SIGNER.public_jwk()])


@dataclass(frozen=True)
class Record:
    number: str = "7KQ2-M9QF-2XHV-ABCD"
    code: str = "residence-certificate"
    service: str = "residence-certificate"
    version: str = "1"
    holder: str = "张*"
    issued_at: datetime = datetime(2026, 1, 5, 9, 30, tzinfo=BEIJING)
    valid_until: date | None = date(2126, 7, 4)


def sealed(record: Record = Record()) -> str:
    return seal.sign_seal(seal.seal_claims(HALL, record, BEIJING), SIGNER.key_id, SIGNER.sign)


def spelled(content: object) -> str:
    return urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def test_a_number_is_the_same_each_time_and_its_own_for_each_certificate_and_key() -> None:
    number = seal.certificate_number("D7K3-M9QF-2XHVA", "business-licence", b"key")
    assert number == seal.certificate_number("D7K3-M9QF-2XHVA", "business-licence", b"key")
    others = {
        seal.certificate_number("D7K3-M9QF-2XHVB", "business-licence", b"key"),
        seal.certificate_number("D7K3-M9QF-2XHVA", "residence-certificate", b"key"),
        seal.certificate_number("D7K3-M9QF-2XHVA", "business-licence", b"another key"),
    }
    assert len(others | {number}) == 4


@given(st.text(max_size=20), st.binary(min_size=1, max_size=20))
def test_a_number_is_read_back_however_it_is_typed(case: str, key: bytes) -> None:
    number = seal.certificate_number(case, "code", key)
    as_typed = number.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert seal.parse_certificate_number(as_typed) == number
    assert parse_case_number(number) is None


@given(st.integers(0, 15), st.sampled_from(ALPHABET))
def test_a_number_with_one_wrong_character_is_noticed(place: int, wrong: str) -> None:
    number = seal.certificate_number("D7K3-M9QF-2XHVA", "code", b"key").replace("-", "")
    mistyped = number[:place] + wrong + number[place + 1 :]
    assert (seal.parse_certificate_number(mistyped) is None) == (mistyped != number)


@pytest.mark.parametrize("text", ["", "-", "7KQ2", "U" * 16, "张" * 16, "٣" * 16, "D7K3-M9QF-2XHVA"])
def test_what_can_be_no_number_is_none(text: str) -> None:
    assert seal.parse_certificate_number(text) is None


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("张三", "张*"),
        ("张三丰", "张*"),  # one star: not even how long the name is
        ("欧阳样例", "欧*"),
        ("张", "*"),
        ("", "*"),
        (" ", "*"),
        ("𫖯样", "𫖯*"),
        ("葛\U000e0100样", "葛\U000e0100*"),
        ("葛\U000e0100", "*"),
        ("Sample Name", "S*"),
        ("E\u0301mile", "É*"),
        ("上海样例餐饮有限公司", "上*"),
    ],
)
def test_a_masked_name_keeps_one_character_and_never_all(name: str, masked: str) -> None:
    assert seal.mask_name(name) == masked


@given(st.text(max_size=40))
def test_no_masked_name_shows_more_than_a_character_and_its_mark(name: str) -> None:
    masked = seal.mask_name(name)
    assert masked.endswith("*")
    assert len(masked) <= 3


def test_the_claims_say_which_certificate_of_which_hall_for_whom_and_how_long() -> None:
    assert seal.seal_claims(HALL, Record(), BEIJING) == {
        "iss": HALL,
        "sub": "7KQ2-M9QF-2XHV-ABCD",
        "iat": int(datetime(2026, 1, 5, 1, 30, tzinfo=UTC).timestamp()),
        "crt": "residence-certificate",
        "svc": "residence-certificate/1",
        "hld": "张*",
        "exp": int(datetime(2126, 7, 4, 16, 0, tzinfo=UTC).timestamp()),
    }


def test_a_certificate_without_an_end_has_no_expiry() -> None:
    assert "exp" not in seal.seal_claims(HALL, replace(Record(), valid_until=None))


def test_any_jose_library_verifies_the_seal_with_the_published_key() -> None:
    compact = sealed()
    keys = jwt.PyJWKSet.from_dict({"keys": [LocalSigner().public_jwk(), SIGNER.public_jwk()]})
    key = keys[jwt.get_unverified_header(compact)["kid"]]
    claims = jwt.decode(compact, key, algorithms=["ES256"], issuer=HALL)
    assert claims == seal.seal_claims(HALL, Record(), BEIJING)
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(compact, keys.keys[0], algorithms=["ES256"])


def test_a_seal_made_by_another_jose_library_opens() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    signer = LocalSigner(key)
    compact = jwt.encode({"sub": "x"}, key, algorithm="ES256", headers={"kid": signer.key_id})
    assert seal.open_seal(compact, verifier([signer.public_jwk()])) == {"sub": "x"}


def test_a_seal_opens_to_its_claims() -> None:
    assert seal.open_seal(sealed(), VERIFY) == seal.seal_claims(HALL, Record(), BEIJING)


@given(st.data())
def test_a_seal_with_any_character_changed_does_not_hold(data: st.DataObject) -> None:
    compact = sealed()
    place = data.draw(st.integers(0, len(compact) - 1))
    other = data.draw(st.sampled_from("AZaz09-_.=+/ é").filter(lambda c: c != compact[place]))
    with pytest.raises(Invalid):
        seal.open_seal(compact[:place] + other + compact[place + 1 :], VERIFY)


def test_a_seal_of_another_key_is_forged() -> None:
    stranger = LocalSigner()
    for key_id in (stranger.key_id, SIGNER.key_id):
        compact = seal.sign_seal({"sub": "x"}, key_id, stranger.sign)
        with pytest.raises(Invalid, match="forged_seal"):
            seal.open_seal(compact, VERIFY)


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none", "kid": SIGNER.key_id},
        {"alg": "HS256", "kid": SIGNER.key_id},
        {"alg": "ES256"},
        {"alg": "ES256", "kid": 1},
        {"alg": "ES256", "kid": SIGNER.key_id, "crit": ["b64"], "b64": False},
        [],
        "ES256",
        None,
    ],
)
def test_a_seal_whose_header_asks_for_anything_else_is_malformed(header: Any) -> None:
    content = f"{spelled(header)}.{spelled({'sub': 'x'})}"
    signature = urlsafe_b64encode(SIGNER.sign(content.encode())).decode().rstrip("=")
    with pytest.raises(Invalid, match="malformed_seal"):
        seal.open_seal(f"{content}.{signature}", VERIFY)


@given(st.text())
def test_any_text_that_is_no_seal_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        seal.open_seal(text, VERIFY)


@pytest.mark.parametrize("claims", [[], 1, None, "x"])
def test_claims_that_are_no_object_are_malformed(claims: Any) -> None:
    with pytest.raises(Invalid, match="malformed_seal"):
        seal.open_seal(seal.sign_seal(claims, SIGNER.key_id, SIGNER.sign), VERIFY)


def test_deeply_nested_claims_are_malformed() -> None:
    nested = urlsafe_b64encode(b"[" * 200_000).decode().rstrip("=")
    with pytest.raises(Invalid, match="malformed_seal"):
        seal.open_seal(f"{spelled({'alg': 'ES256', 'kid': 'x'})}.{nested}.AAAA", VERIFY)


def test_the_seal_stands_behind_the_hash_so_that_no_server_sees_it() -> None:
    assert seal.seal_url(HALL, "7KQ2-M9QF-2XHV-ABCD", "a.b.c") == f"{HALL}/verify/7KQ2-M9QF-2XHV-ABCD#a.b.c"


def test_the_seal_fits_a_code_that_a_phone_reads_at_four_and_a_half_centimetres() -> None:
    url = seal.seal_url(HALL, Record().number, sealed())
    modules = int(qr_svg(url, title="").split('viewBox="0 0 ')[1].split()[0])
    assert 45 / modules > 0.45  # mm
