"""What somebody at a customer says who wants no more messages, and how the page reads in their language."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal, NamedTuple

from shared.words import closest

Choice = Literal["kind", "all"]


class Words(NamedTuple):
    """The page in one language."""

    title: str
    lead: str
    kind: str
    all: str
    button: str
    quiet: str
    """That nothing has happened yet."""
    done: str
    done_kind: str
    done_all: str
    again: str
    """It could not be taken now."""
    broken: str
    broken_why: str
    expired: str
    expired_why: str
    test: str


WORDS: Final[Mapping[str, Words]] = {
    "en": Words(
        title="Unsubscribe",
        lead="Which e-mails would you like to stop?",
        kind="E-mails like the one with this link",
        all="All e-mails of this kind and any other",
        button="Unsubscribe",
        quiet="Nothing has changed yet.",
        done="You are unsubscribed",
        done_kind="You will receive no more e-mails like that one.",
        done_all="You will receive no more e-mails.",
        again="That could not be saved just now. Please press the button again in a moment.",
        broken="This link doesn't work",
        broken_why="It may have been cut off. Please open it from the e-mail again, or simply reply to the e-mail.",
        expired="This link has expired",
        expired_why="Nothing has changed. Please use the link in a more recent e-mail, or simply reply to this one.",
        test="This link belongs to a test e-mail: nothing was changed.",
    ),
    "de": Words(
        title="Abbestellen",
        lead="Welche E-Mails möchten Sie nicht mehr erhalten?",
        kind="E-Mails wie die mit diesem Link",
        all="Alle E-Mails, auch andere als diese",
        button="Abbestellen",
        quiet="Bisher hat sich nichts geändert.",
        done="Sie sind abgemeldet",
        done_kind="Sie erhalten keine solchen E-Mails mehr.",
        done_all="Sie erhalten keine E-Mails mehr.",
        again="Das konnte gerade nicht gespeichert werden. Bitte drücken Sie gleich noch einmal auf die Schaltfläche.",
        broken="Dieser Link funktioniert nicht",
        broken_why="Vielleicht ist er unvollständig. Bitte öffnen Sie ihn noch einmal aus der E-Mail, oder antworten "
        "Sie einfach auf die E-Mail.",
        expired="Dieser Link ist abgelaufen",
        expired_why="Es hat sich nichts geändert. Bitte nutzen Sie den Link in einer neueren E-Mail, oder antworten "
        "Sie einfach auf diese.",
        test="Dieser Link gehört zu einer Test-E-Mail: Es wurde nichts geändert.",
    ),
    "es": Words(
        title="Darse de baja",
        lead="¿Qué correos no desea seguir recibiendo?",
        kind="Correos como el que contiene este enlace",
        all="Todos los correos, de este tipo y de cualquier otro",
        button="Darme de baja",
        quiet="Todavía no ha cambiado nada.",
        done="Se ha dado de baja",
        done_kind="Ya no recibirá correos como ese.",
        done_all="Ya no recibirá ningún correo.",
        again="No se ha podido guardar en este momento. Vuelva a pulsar el botón en unos instantes.",
        broken="Este enlace no funciona",
        broken_why="Es posible que esté incompleto. Ábralo de nuevo desde el correo o simplemente responda a él.",
        expired="Este enlace ha caducado",
        expired_why="No ha cambiado nada. Utilice el enlace de un correo más reciente o simplemente responda a este.",
        test="Este enlace pertenece a un correo de prueba: no se ha cambiado nada.",
    ),
    "pl": Words(
        title="Rezygnacja z wiadomości",
        lead="Których wiadomości mamy już nie wysyłać?",
        kind="Wiadomości takich jak ta z tym linkiem",
        all="Wszystkich wiadomości, także innych",
        button="Rezygnuję",
        quiet="Na razie nic się nie zmieniło.",
        done="Rezygnacja przyjęta",
        done_kind="Takie wiadomości nie będą już wysyłane.",
        done_all="Żadne wiadomości nie będą już wysyłane.",
        again="W tej chwili nie udało się tego zapisać. Proszę za chwilę ponownie nacisnąć przycisk.",
        broken="Ten link nie działa",
        broken_why="Być może jest niepełny. Proszę otworzyć go ponownie z wiadomości albo po prostu na nią "
        "odpowiedzieć.",
        expired="Ten link wygasł",
        expired_why="Nic się nie zmieniło. Proszę użyć linku z nowszej wiadomości albo po prostu odpowiedzieć na tę.",
        test="Ten link pochodzi z wiadomości testowej: nic nie zostało zmienione.",
    ),
    "ru": Words(
        title="Отписаться",
        lead="Какие письма вы больше не хотите получать?",
        kind="Письма, подобные тому, в котором была эта ссылка",
        all="Все письма, в том числе любые другие",
        button="Отписаться",
        quiet="Пока ничего не изменилось.",
        done="Вы отписались",
        done_kind="Вы больше не будете получать такие письма.",
        done_all="Вы больше не будете получать писем.",
        again="Сейчас не удалось это сохранить. Пожалуйста, нажмите кнопку ещё раз через минуту.",
        broken="Эта ссылка не работает",
        broken_why="Возможно, она неполная. Откройте её из письма ещё раз или просто ответьте на письмо.",
        expired="Срок действия ссылки истёк",
        expired_why="Ничего не изменилось. Воспользуйтесь ссылкой из более нового письма или просто ответьте на это.",
        test="Эта ссылка из тестового письма: ничего не изменено.",
    ),
    "sv": Words(
        title="Avsluta prenumerationen",
        lead="Vilka mejl vill du inte längre få?",
        kind="Mejl som det med den här länken",
        all="Alla mejl, även andra",
        button="Avsluta",
        quiet="Ingenting har ändrats än.",
        done="Prenumerationen är avslutad",
        done_kind="Du får inga fler sådana mejl.",
        done_all="Du får inga fler mejl.",
        again="Det gick inte att spara just nu. Tryck på knappen igen om en liten stund.",
        broken="Länken fungerar inte",
        broken_why="Den kan vara ofullständig. Öppna den från mejlet igen, eller svara helt enkelt på mejlet.",
        expired="Länken har gått ut",
        expired_why="Ingenting har ändrats. Använd länken i ett nyare mejl, eller svara helt enkelt på det här.",
        test="Länken hör till ett testmejl: ingenting har ändrats.",
    ),
    "zh": Words(
        title="退订",
        lead="您不想再收到哪些邮件？",
        kind="与包含此链接的邮件同类的邮件",
        all="所有邮件，包括其他类型",
        button="退订",
        quiet="目前尚未做任何更改。",
        done="您已退订",
        done_kind="您将不再收到此类邮件。",
        done_all="您将不再收到任何邮件。",
        again="暂时无法保存，请稍后再次点击按钮。",
        broken="此链接无效",
        broken_why="链接可能不完整。请从邮件中重新打开，或直接回复该邮件。",
        expired="此链接已过期",
        expired_why="未做任何更改。请使用较新邮件中的链接，或直接回复此邮件。",
        test="此链接来自测试邮件，未做任何更改。",
    ),
}


def language_of(wanted: str) -> str:
    """The language of the page, for whoever reads this one; of `Accept-Language`, the first that it names."""
    return closest(wanted.partition(",")[0].partition(";")[0], WORDS, "en")


def event_of(account: str, contact: str, kind: str, letter: str, now: datetime) -> dict[str, object]:
    """What is published. The same link pressed twice within a minute is the same event; pressed again later, after they
    agreed once more, it counts again."""
    said = "\x1f".join((account, contact, kind, letter, f"{now:%Y-%m-%dT%H:%M}"))
    return {
        "id": "leave-" + hashlib.sha256(said.encode()).hexdigest()[:32],
        "type": "contact.unsubscribed",
        "account": account,
        "time": now.isoformat(),
        "data": {"contact_id": contact, "kind": kind},
    }
