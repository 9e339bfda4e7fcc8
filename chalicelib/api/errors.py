"""Every refusal of the API: code → HTTP status. Its text in each language is ``error.<code>`` in ``locales/``."""

from __future__ import annotations

from collections.abc import Mapping

STATUS: Mapping[str, int] = {
    # the request itself
    "malformed_json": 400,
    "idempotency_key_missing": 400,
    "bad_signature": 400,
    "not_found": 404,
    "method_not_allowed": 405,
    "body_too_large": 413,
    "unsupported_media_type": 415,
    "malformed_request": 422,
    "invalid_cursor": 422,
    "too_many_requests": 429,
    "internal_error": 500,
    "vendor_unavailable": 503,
    # who is asking
    "unauthorized": 401,
    "wrong_code": 401,
    "forbidden": 403,
    "acceptance_and_approval_must_be_separate": 403,
    "field_not_asked": 403,
    "too_many_codes": 429,
    "too_many_messages": 429,
    # what is asked for
    "unknown_service": 404,
    "unknown_case": 404,
    "unknown_tracking": 404,
    "unknown_certificate": 404,
    "unknown_task": 404,
    "unknown_draft": 404,
    "unknown_message": 404,
    "unknown_upload": 404,
    # how the case stands
    "already_submitted": 409,
    "already_paid": 409,
    "nothing_to_pay": 409,
    "case_ended": 409,
    "case_not_ended": 409,
    "case_is_busy": 409,
    "draft_is_newer": 409,
    "nothing_to_correct": 409,
    "no_pickup": 409,
    "already_picked_up": 409,
    "already_decided": 409,
    "already_rated": 409,
    "no_pickup_ordered": 409,
    "originals_already_received": 409,
    "task_already_decided": 409,
    "task_not_open": 409,
    "correction_under_way": 409,
    "files_being_checked": 409,
    "too_many_corrections": 409,
    "not_ready_for_dispatch": 409,
    "already_dispatched": 409,
    "nothing_to_dispatch": 409,
    "not_approved": 409,
    "precondition_failed": 412,
    # what was sent
    "idempotency_key_reused": 422,
    "invalid_answers": 422,
    "unknown_material": 422,
    "file_type_not_accepted": 422,
    "file_too_large": 422,
    "file_empty": 422,
    "file_unreadable": 422,
    "file_protected": 422,
    "file_infected": 422,
    "file_missing": 422,
    "upload_listed_twice": 422,
    "upload_taken": 422,
    "window_not_in_the_future": 422,
    "unknown_department": 422,
    "stars_out_of_range": 422,
    "material_not_on_the_list": 422,
    "material_listed_twice": 422,
    "unknown_decision": 422,
    "reason_missing": 422,
    "pointers_missing": 422,
    "unknown_pointer": 422,
    "wrong_contents": 422,
    "malformed_seal": 422,
    "forged_seal": 422,
}

RETRY_AFTER: Mapping[str, int] = {  # seconds
    "too_many_codes": 600,
    "too_many_messages": 600,
    "vendor_unavailable": 30,
    "case_is_busy": 1,
}

# What Chalice answers by itself, before a view is asked.
OF_CHALICE: Mapping[int, str] = {404: "not_found", 405: "method_not_allowed", 415: "unsupported_media_type"}
