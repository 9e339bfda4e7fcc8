"""A counterpart of Stripe for one machine: its wire format, its hosted page and its signed webhooks, without its money.

Written after Stripe's public API reference (https://docs.stripe.com/api) for the version that the product pins, and
held to the types of the official client by its tests. It speaks only what the product uses, and refuses the rest aloud.

What banks do, a test or a person does by JSON: ``PUT /_control/refunds/{re_…} {"status": "failed", "reason"?}``,
``POST /_control/disputes {"payment": "pi_…", "amount"?, "reason"?, "inquiry"?}`` and
``PUT /_control/disputes/{du_…} {"status": "under_review"}``. ``PUT /_control`` changes how webhooks are sent.
"""
