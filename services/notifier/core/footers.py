"""What stands beneath every letter to a customer's person, in the languages that ship; else in English."""

from collections.abc import Mapping
from typing import Final, NamedTuple


class Footer(NamedTuple):
    """Why they get it, how they get no more, and what marks a test."""

    why: str
    leave: str
    test: str
    """Before the subject of a test."""


FOOTERS: Final[Mapping[str, Footer]] = {
    "en": Footer("You receive this e-mail because you agreed to messages like it.", "Unsubscribe", "Test"),
    "de": Footer("Sie erhalten diese E-Mail, weil Sie solchen Nachrichten zugestimmt haben.", "Abbestellen", "Test"),
    "es": Footer("Recibe este correo porque aceptó recibir mensajes de este tipo.", "Darse de baja", "Prueba"),
    "pl": Footer(
        "Ta wiadomość została wysłana, ponieważ wyrażono zgodę na takie wiadomości.", "Rezygnacja z wiadomości", "Test"
    ),
    "ru": Footer("Вы получили это письмо, потому что дали согласие на такие сообщения.", "Отписаться", "Проверка"),
    "sv": Footer(
        "Du får det här mejlet eftersom du har tackat ja till sådana meddelanden.", "Avsluta prenumerationen", "Test"
    ),
    "zh": Footer("您收到这封邮件，是因为您同意接收此类邮件。", "退订", "测试"),
}
