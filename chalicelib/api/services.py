"""What can be applied for, and places for the uploads that it needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chalice import Response

from chalicelib.api.edge import Area, Call, answered
from chalicelib.api.present import instant
from chalicelib.texts import text

area = Area("services")
FOR_A_WHILE = {"Cache-Control": "public, max-age=300", "Vary": "Accept-Language"}


@area.get("/v1/services", query=("q", "category", "lang"), gives={200: "Services"})
def list_services(call: Call) -> Response:
    """The services that can be applied for, by a word of their texts or by category."""
    found = [service for service in _services(call) if _fits(service, call.query("q"), call.query("category"))]
    return answered({"services": [_line(service) for service in found]}, headers=FOR_A_WHILE)


def _services(call: Call) -> Iterator[Any]:
    for service, version in call.hall.catalogue.services():
        yield call.hall.catalogue.definition(service, version, call.language)


def _fits(service: Any, words: str, category: str) -> bool:
    told = f"{service['id']} {service['title']} {service['summary']}".casefold()
    return category in ("", service["category"]) and all(word in told for word in words.casefold().split())


def _line(service: Any) -> dict[str, Any]:
    fee = service["fee"]
    return {
        "id": service["id"],
        "version": service["version"],
        "title": service["title"],
        "category": service["category"],
        "fee": {"amount": sum(line["amount"] for line in fee.get("lines", ())), "currency": fee["currency"]},
        "promise_days": service["promise"]["working_days"],
        "pickup": "pickup" in service["legs"],
        "delivery": "delivery" in service["legs"],
    }


@area.get("/v1/services/{service}", query=("lang",), gives={200: "Service"}, refuses=("unknown_service",))
def show_service(call: Call, service: str) -> Response:
    """One service: its guide, materials, fee, tasks and promise, and its form as JSON Schema."""
    definition = call.hall.catalogue.definition(service, None, call.language)
    form = call.hall.catalogue.form(service, None, call.language)
    line = _line(definition)
    whole = {**definition, **line, "fee": {**definition["fee"], **line["fee"]}, "form": form}
    return answered(whole, headers=FOR_A_WHILE)


@area.post(
    "/v1/uploads",
    body="UploadRequest",
    gives={201: "UploadOffer"},
    refuses=("unknown_service", "unknown_material", "file_type_not_accepted", "file_too_large", "file_empty"),
)
def offer_upload(call: Call) -> Response:
    """A place for one file: post it there, and name the upload in the application. The file's name is not kept."""
    from chalicelib.usecases import uploads

    wanted = call.json()
    size, version = int(wanted["size"]), wanted.get("version") or None
    offer = uploads.offer_upload(
        call.hall, wanted["service"], wanted["material"], wanted["content_type"], size, version
    )
    post = {"url": offer.url, "fields": dict(offer.fields)}
    expires_at = instant(offer.expires_at, call.hall.calendar.zone)
    return answered({"upload": offer.upload, "post": post, "expires_at": expires_at}, 201)


@area.get("/v1/uploads/{upload}", query=("lang",), gives={200: "Upload"}, refuses=("unknown_upload",))
def show_upload(call: Call, upload: str) -> dict[str, Any]:
    """Whether the file has arrived, and what is wrong with it. One that is still being checked can be handed in."""
    from chalicelib.usecases import uploads

    looked = uploads.look(call.hall, upload)
    return {
        "upload": upload,
        "state": looked.state,
        "code": looked.code,
        "message": text(f"error.{looked.code}", call.language) if looked.code else "",
        "content_type": looked.content_type,
        "size": looked.size,
    }
