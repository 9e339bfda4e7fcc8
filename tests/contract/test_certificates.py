"""Certificates as they are handed out: what a reader of the PDF finds, whatever the applicant wrote."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
import zxingcpp
from PIL import Image, ImageChops

from chalicelib.adapters.es256 import verifier
from chalicelib.adapters.local_signer import LocalSigner
from chalicelib.adapters.typst_certificates import TypstTypesetter
from chalicelib.domain.seal import open_seal, seal_url, sign_seal
from chalicelib.ports import CertificateDocument

SERVICES = Path(__file__).parents[2] / "forms_schemas"
SIGNER = LocalSigner()
HALL = "https://hall.example"
NUMBER = "7KQ2-M9QF-2XHV-ABCD"
CLAIMS = {
    "iss": HALL,
    "sub": NUMBER,
    "iat": 1767578400,
    "crt": "residence-certificate",
    "svc": "residence-certificate/1",
    "hld": "张*",
    "exp": 1783180800,
}
SEAL_URL = seal_url(HALL, NUMBER, sign_seal(CLAIMS, SIGNER.key_id, SIGNER.sign))
RESIDENCE = {
    "name": "张三",
    "id_type": "resident_id",
    "id_number": "110101199003070011",
    "province": "上海市",
    "city": "上海市",
    "county": "徐汇区",
    "street": "样例路 1 号 101 室",
    "since": "2024-09-01",
    "basis": "tenant",
    "purpose": "other",
    "purpose_details": "样例用途",
}
LICENCE = {
    "registration_number": "310104000000001",
    "name": "上海样例餐饮有限公司",
    "type": "limited_company",
    "legal_representative": "李四",
    "registered_capital": 1500000,
    "established": "2012-05-18",
    "province": "上海市",
    "city": "上海市",
    "county": "徐汇区",
    "street": "样例路 2 号",
    "scope": "餐饮服务；食品销售",
}
TITLES = {"residence-certificate": "居住证明", "business-licence-change": "营业执照"}
ANSWERS: dict[str, dict[str, Any]] = {"residence-certificate": RESIDENCE, "business-licence-change": LICENCE}
RARE = "㛃𫖯𬱖䶮𣲗"


def a_document(service: str = "residence-certificate", **fields: Any) -> CertificateDocument:
    return CertificateDocument(
        number=NUMBER,
        title=TITLES[service],
        service=service,
        version="1",
        language="zh-CN",
        issued_at=date(2026, 1, 5),
        valid_until=date(2026, 7, 4),
        issuer="公安局",
        seal_url=SEAL_URL,
        fields=ANSWERS[service] | fields,
    )


def template(service: str = "residence-certificate") -> str:
    return (SERVICES / service / "1/certificate.typ").read_text("utf-8")


@pytest.fixture(scope="module")
def typesetter() -> TypstTypesetter:
    return TypstTypesetter()


def text_of(pdf: bytes) -> str:
    with pypdfium2.PdfDocument(pdf) as document:
        return "\n".join(page.get_textpage().get_text_bounded() for page in document)


def without_spaces(text: str) -> str:
    return re.sub(r"[\s\u200b\u00ad\ufffe]", "", text)


def picture_of(pdf: bytes, page: int = 0, scale: float = 2) -> Image.Image:
    with pypdfium2.PdfDocument(pdf) as document:
        image: Image.Image = document[page].render(scale=scale).to_pil().convert("L")
    return image


def pages_of(pdf: bytes) -> int:
    with pypdfium2.PdfDocument(pdf) as document:
        return len(document)


@pytest.mark.parametrize("service", TITLES)
def test_a_certificate_is_one_a4_page_that_says_all_it_certifies(typesetter: TypstTypesetter, service: str) -> None:
    pdf = typesetter.typeset(template(service), a_document(service))
    text = text_of(pdf)
    with pypdfium2.PdfDocument(pdf) as document:
        assert [tuple(map(round, page.get_size())) for page in document] == [(595, 842)]
    said = [TITLES[service], NUMBER, "公安局", "2026 年 1 月 5 日", "2026 年 7 月 4 日", "5 January 2026", HALL]
    for each in said:
        assert without_spaces(each) in without_spaces(text)
    names = {"residence-certificate": ["张三", "110101199003070011", "上海市徐汇区样例路1号101室", "样例用途"]}
    for each in names.get(service, ["上海样例餐饮有限公司", "人民币1500000元", "李四", "餐饮服务；食品销售"]):
        assert each in without_spaces(text)


@pytest.mark.parametrize("service", TITLES)
def test_a_certificate_is_a_tagged_pdf_a_2b_and_ua_1_with_title_date_and_language(
    typesetter: TypstTypesetter, service: str
) -> None:
    pdf = typesetter.typeset(template(service), a_document(service))
    with pypdfium2.PdfDocument(pdf) as document:
        metadata = document.get_metadata_dict()
    assert metadata["Title"] == f"{TITLES[service]} {NUMBER}"
    assert metadata["CreationDate"].startswith("D:20260105000000")
    assert b"<pdfaid:part>2</pdfaid:part>" in pdf
    assert b"<pdfaid:conformance>B</pdfaid:conformance>" in pdf
    assert b"<pdfuaid:part>1</pdfuaid:part>" in pdf
    assert b"/StructTreeRoot" in pdf
    assert b"/Marked true" in pdf
    assert b"/Lang(zh-CN)" in pdf


def test_no_personal_data_is_in_the_metadata(typesetter: TypstTypesetter) -> None:
    pdf = typesetter.typeset(template(), a_document())
    with pypdfium2.PdfDocument(pdf) as document:
        assert "张三" not in str(document.get_metadata_dict())


def test_the_same_document_gives_the_same_bytes_in_any_process(typesetter: TypstTypesetter) -> None:
    pdf = typesetter.typeset(template(), a_document())
    again = replace(a_document(), seal_url=HALL)
    first = typesetter.typeset(template(), again)
    assert first != pdf
    code = (
        "import hashlib, sys; from dataclasses import replace; from tests.contract import test_certificates as t\n"
        "pdf = t.TypstTypesetter().typeset(t.template(), replace(t.a_document(), seal_url=t.HALL))\n"
        "sys.stdout.buffer.write(pdf)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, cwd=SERVICES.parent)
    assert done.stdout == first


@pytest.mark.parametrize("service", TITLES)
def test_the_printed_code_reads_as_the_seal_and_the_seal_holds(typesetter: TypstTypesetter, service: str) -> None:
    document = a_document(service)
    (code,) = zxingcpp.read_barcodes(picture_of(typesetter.typeset(template(service), document)))
    assert code.text == document.seal_url
    address, _, compact = code.text.partition("#")
    assert address == f"{HALL}/verify/{NUMBER}"
    assert open_seal(compact, verifier([SIGNER.public_jwk()])) == CLAIMS


def test_a_poor_copy_of_the_printed_code_still_reads(typesetter: TypstTypesetter) -> None:
    page = picture_of(typesetter.typeset(template(), a_document()), scale=4)
    turned = page.rotate(7, fillcolor=255, expand=True).resize((page.width // 2, page.height // 2))
    (code,) = zxingcpp.read_barcodes(turned)
    assert code.text == a_document().seal_url


def test_rare_characters_of_names_are_drawn_and_can_be_copied(typesetter: TypstTypesetter) -> None:
    pdf = typesetter.typeset(template(), a_document(name=RARE))
    assert RARE in text_of(pdf)
    blank = picture_of(typesetter.typeset(template(), a_document(name="\u3000" * 5)))
    box = ImageChops.difference(picture_of(pdf), blank).getbbox()
    assert box is not None
    assert box[2] - box[0] > 5 * 2 * 10  # five characters of about 11.5 pt at two pixels a point


def test_characters_have_their_mainland_forms(typesetter: TypstTypesetter, tmp_path: Path) -> None:
    """骨 and 直 look otherwise in Taiwan: the same sheet set for Taiwan differs just there."""
    sheet = (SERVICES / "common/1/certificate.typ").read_text("utf-8")
    assert 'region: "CN"' in sheet
    (tmp_path / "common/1").mkdir(parents=True)
    (tmp_path / "common/1/certificate.typ").write_text(sheet.replace('region: "CN"', 'region: "TW"'), "utf-8")
    other = TypstTypesetter(tmp_path)

    def name_line(maker: TypstTypesetter, name: str) -> Image.Image:
        return picture_of(maker.typeset(template(), a_document(name=name))).crop((400, 560, 800, 690))

    assert ImageChops.difference(name_line(typesetter, "骨直"), name_line(other, "骨直")).getbbox()
    assert not ImageChops.difference(name_line(typesetter, "ABC"), name_line(other, "ABC")).getbbox()


HOSTILE = {
    "markup": '*a* _b_ #panic("x") #eval("1+1") $x^2$ <l> @r = h // c /* d */ \\ `raw` [x] {y} ~ -- ...',
    "code": '"); #import "/service.json" //',
    "json": '","name":"x"}\\u0041 ${{x}}',
    "markup of the web": '<script>alert("x")</script>&amp;&#65;',
    "quotes": "\"'“”‘’«»",
    "lines": "one\ntwo",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_whatever_an_applicant_writes_stays_text(typesetter: TypstTypesetter, text: str) -> None:
    pdf = typesetter.typeset(template(), a_document(purpose_details=text))
    assert without_spaces(text) in without_spaces(text_of(pdf))


@pytest.mark.parametrize("unit", ["汉", "A", "ab "])
def test_ten_kilobytes_of_text_break_over_pages_and_lose_nothing(typesetter: TypstTypesetter, unit: str) -> None:
    length = 10_000 // len(unit)
    pdf = typesetter.typeset(
        template("business-licence-change"), a_document("business-licence-change", scope=unit * length)
    )
    assert pages_of(pdf) > 1
    elsewhere = text_of(
        typesetter.typeset(template("business-licence-change"), a_document("business-licence-change", scope="-"))
    )
    letter = unit[0]
    pages = text_of(pdf)
    assert pages.count(letter) - elsewhere.count(letter) in range(length, length + 2 * pages_of(pdf))
    with pypdfium2.PdfDocument(pdf) as document:
        for page in document:
            texts = page.get_textpage()
            right = max(texts.get_rect(i)[2] for i in range(texts.count_rects()))
            assert right <= 595 - 2.5 * 28.3
    (code,) = zxingcpp.read_barcodes(picture_of(pdf, pages_of(pdf) - 1))
    assert code.text.startswith(HALL)


@pytest.mark.parametrize("name", ["שלום", "محمد", "Nguyễn Thị", "Иван", "Ωμέγα"])
def test_names_in_other_scripts_are_printed(typesetter: TypstTypesetter, name: str) -> None:
    pdf = typesetter.typeset(template(), a_document(name=name))
    assert set(name) <= set(text_of(pdf))


@pytest.mark.parametrize("mark", ["\u202e", "\u2066", "\u200f", "\x00", "\x07", "\x1b", "\x9b"])
def test_marks_that_reorder_or_hide_text_have_no_effect(typesetter: TypstTypesetter, mark: str) -> None:
    plain = typesetter.typeset(template(), a_document(name="张三ABC"))
    assert typesetter.typeset(template(), a_document(name=f"张{mark}三A{mark}BC")) == plain


@pytest.mark.parametrize("character", ["🙂", "𰻝", "\ue000", "\U000f0000", "\ufffe", "\ud800", "བོད"])
def test_a_character_that_no_font_has_is_refused_without_a_word_of_the_document(
    typesetter: TypstTypesetter, character: str
) -> None:
    with pytest.raises(
        ValueError, match=r"^(a character is in no font of the certificates|the template does not compile)$"
    ) as refusal:
        typesetter.typeset(template(), a_document(name=f"张三{character}"))
    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__ or refusal.value.__context__ is None


@pytest.mark.parametrize(
    "source",
    [
        "#let",
        "#panic(json(bytes(sys.inputs.document)).fields.name)",
        '#read("/etc/passwd")',
        '#text(font: "No Such Font")[x]',
    ],
)
def test_a_template_that_does_not_compile_is_refused_without_a_word_of_the_document(
    typesetter: TypstTypesetter, source: str
) -> None:
    with pytest.raises(ValueError, match=r"^the template (does not compile|compiles with warnings)$"):
        typesetter.typeset(source, a_document())


def test_a_certificate_without_an_end_says_so(typesetter: TypstTypesetter) -> None:
    pdf = typesetter.typeset(template(), replace(a_document(), valid_until=None))
    assert "长期" in text_of(pdf)


def test_an_optional_answer_that_was_not_given_leaves_no_line(typesetter: TypstTypesetter) -> None:
    pdf = typesetter.typeset(
        template("business-licence-change"), a_document("business-licence-change", registered_capital=0)
    )
    assert "注册资本" not in without_spaces(text_of(pdf))
    pdf = typesetter.typeset(template(), a_document(purpose="school", purpose_details=None))
    assert "子女入学" in without_spaces(text_of(pdf))


def choices() -> list[tuple[str, str, str, str]]:
    """Every choice that a form gives for a printed field, with its Chinese title."""
    found = []
    for service in TITLES:
        folder = SERVICES / service / "1"
        form = json.loads((folder / "form.json").read_text("utf-8"))
        chinese = json.loads((folder / "i18n/zh-CN.json").read_text("utf-8"))["form.json"]
        definition = json.loads((folder / "service.json").read_text("utf-8"))
        printed = {
            name: pointer
            for task in definition["tasks"]
            for name, pointer in task.get("certificate", {}).get("fields", {}).items()
        }
        for name, pointer in printed.items():
            place = pointer.replace("/", "/properties/")
            options = _at(form, place).get("oneOf", [])
            found += [
                (service, name, option["const"], chinese[f"{place}/oneOf/{index}/title"])
                for index, option in enumerate(options)
            ]
    return found


def _at(schema: Any, pointer: str) -> Any:
    for part in pointer.split("/")[1:]:
        schema = schema.get(part, {})
    return schema


@pytest.mark.parametrize(("service", "name", "value", "title"), choices())
def test_every_choice_of_the_form_is_printed_by_its_chinese_title(
    typesetter: TypstTypesetter, service: str, name: str, value: str, title: str
) -> None:
    pdf = typesetter.typeset(template(service), a_document(service, **{name: value, "purpose_details": "其他"}))
    assert without_spaces(title) in without_spaces(text_of(pdf))
