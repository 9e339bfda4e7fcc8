"""SMS by SNS, e-mail by SES. Neither keeps keys: a worker killed between sending and recording may send once more."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.ports import VendorRejected, VendorTemporary

_REJECTED = frozenset({"InvalidParameter", "InvalidParameterValue", "OptedOut", "MessageRejected"})


class AwsNotifier:
    """``sender`` is the e-mail address that SES has verified; without one no e-mail is sent."""

    def __init__(self, sns: Any, ses: Any, sender: str) -> None:
        self._sns = sns
        self._ses = ses
        self._sender = sender

    def sms(self, key: str, phone: str, text: str) -> None:  # noqa: ARG002 - SNS takes no key
        kind = {"AWS.SNS.SMS.SMSType": {"DataType": "String", "StringValue": "Transactional"}}
        _call("sns", self._sns.publish, PhoneNumber=phone, Message=text, MessageAttributes=kind)

    def email(self, key: str, address: str, subject: str, text: str) -> None:  # noqa: ARG002 - SES takes no key
        if not self._sender:
            return
        message = {"Subject": {"Data": subject}, "Body": {"Text": {"Data": text}}}
        _call("ses", self._ses.send_email, Source=self._sender, Destination={"ToAddresses": [address]}, Message=message)


def _call(vendor: str, function: Any, **arguments: Any) -> None:
    try:
        function(**arguments)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        raise (VendorRejected if code in _REJECTED else VendorTemporary)(vendor, code) from None
    except BotoCoreError as error:
        raise VendorTemporary(vendor, type(error).__name__) from None
