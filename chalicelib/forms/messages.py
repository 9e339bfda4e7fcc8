"""What a fault says, in each language: how to put it right, never what was written. Keyed by the fault's code."""

from __future__ import annotations

from chalicelib.texts import fallbacks

DEFAULT_LANGUAGE = "zh-CN"

MESSAGES: dict[str, dict[str, str]] = {
    "zh-CN": {
        "missing": "请填写“{title}”",
        "unknown_field": "表单中没有此项，请删除",
        "not_applicable": "根据您填写的其他内容，“{title}”无需填写，请清空",
        "wrong_type": "“{title}”的填写形式不正确，请重新填写",
        "too_short": "“{title}”至少填写{limit}个字符",
        "too_long": "“{title}”最多填写{limit}个字符，请删减",
        "pattern": "“{title}”的格式不正确，请核对后重新填写",
        "format": "“{title}”的格式不正确，请核对后重新填写",
        "not_in_list": "请从所列选项中选择“{title}”",
        "too_small": "“{title}”不能小于{limit}",
        "too_large": "“{title}”不能大于{limit}",
        "not_a_multiple": "“{title}”应为{limit}的整数倍",
        "too_few": "“{title}”至少需要{limit}项",
        "too_many": "“{title}”最多{limit}项，请删减",
        "repeated": "“{title}”中有重复项，请只保留一项",
        "ambiguous": "“{title}”同时符合多种情形，请只按一种情形填写",
        "not_accepted": "“{title}”的内容不符合要求，请修改",
        "too_deep": "提交的内容层级过多，请按表单填写",
        "too_many_values": "提交的内容过多，请按表单填写",
        "text_encoding": "“{title}”含有无法识别的字符，请删除后重新填写",
        "number_range": "“{title}”的数值超出可填写的范围",
        "id_number_checksum": "身份证件号码有误，请逐位核对",
        "window_in_the_past": "请选择晚于当前时间的时段",
        "window_too_far": "请选择30天以内的日期",
        "outside_working_hours": "请选择8:00至20:00之间的时间",
        "window_too_short": "时段至少1小时",
    },
    "en": {
        "missing": "Enter “{title}”",
        "unknown_field": "The form has no such field; take it out",
        "not_applicable": "Leave “{title}” empty: it does not apply to your other answers",
        "wrong_type": "Enter “{title}” again, in the way the form asks for it",
        "too_short": "Write at least {limit} characters for “{title}”",
        "too_long": "Shorten “{title}” to {limit} characters",
        "pattern": "Check how “{title}” is written",
        "format": "Check how “{title}” is written",
        "not_in_list": "Choose “{title}” from the list",
        "too_small": "“{title}” must be {limit} or more",
        "too_large": "“{title}” must be {limit} or less",
        "not_a_multiple": "“{title}” must be a multiple of {limit}",
        "too_few": "“{title}” needs {limit} or more",
        "too_many": "“{title}” takes {limit} at most; take some out",
        "repeated": "“{title}” says the same thing twice; take one out",
        "ambiguous": "“{title}” fits several cases at once; fill in one of them",
        "not_accepted": "Change “{title}”: this can't be accepted",
        "too_deep": "Send the answers as the form asks for them: they are nested too deeply",
        "too_many_values": "Send the answers as the form asks for them: there are too many",
        "text_encoding": "Take the unreadable characters out of “{title}”",
        "number_range": "“{title}” is beyond the numbers that can be entered",
        "id_number_checksum": "Check the identity number digit by digit",
        "window_in_the_past": "Choose a time that is still to come",
        "window_too_far": "Choose a day within the next 30 days",
        "outside_working_hours": "Choose a time between 8:00 and 20:00",
        "window_too_short": "Leave at least one hour",
    },
}

UNTITLED = {"zh-CN": "该项", "en": "this field"}


def message(code: str, lang: str, title: str, limit: object) -> str:
    """The text of a fault; in the language that stands in where there is none in this one (``texts.fallbacks``)."""
    language = next(code for code in fallbacks(lang) if code in MESSAGES)
    return MESSAGES[language][code].format(title=title or UNTITLED[language], limit=limit)
