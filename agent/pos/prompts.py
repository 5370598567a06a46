"""What cashiers read while a customer pays: one vocabulary for every door and every kind of reader."""

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from drivers.contract import Progress

LANGUAGES = ("de", "en", "fr", "it", "es", "nl")
"""Languages there are words for, ISO 639-1; others get English."""

ENGLISH = "en"

_HEADER_MAX = 200  # a browser sends fewer than 100 characters; more is not worth reading
_WEIGHT = re.compile(r"q=([01](?:\.[0-9]{0,3})?)")

_WORDS: Mapping[Progress, tuple[str, ...]] = MappingProxyType(
    {
        Progress.PREPARING: (
            "Bitte warten", "Please wait", "Patientez SVP", "Attendere prego", "Espere por favor",
            "Even geduld",
        ),
        Progress.WAITING_FOR_CARD: (
            "Karte bitte", "Present card", "Présentez la carte", "Presentare carta", "Presente tarjeta",
            "Kaart aanbieden",
        ),
        Progress.CHOOSING_TIP: (
            "Kunde wählt Trinkgeld", "Customer chooses tip", "Choix du pourboire", "Scelta della mancia",
            "Elige propina", "Klant kiest fooi",
        ),
        Progress.ENTERING_PIN: (
            "PIN-Eingabe", "Entering PIN", "Saisie du code", "Inserimento PIN", "Introduce PIN",
            "Pincode invoeren",
        ),
        Progress.WRONG_PIN: (
            "PIN falsch", "Wrong PIN", "Code incorrect", "PIN errato", "PIN incorrecto", "Onjuiste pincode",
        ),
        Progress.AUTHORIZING: (
            "Zahlung wird geprüft", "Authorizing", "Autorisation", "Autorizzazione", "Autorizando",
            "Autorisatie loopt",
        ),
        Progress.REMOVE_CARD: (
            "Karte entnehmen", "Remove card", "Retirez la carte", "Rimuovere carta", "Retire tarjeta",
            "Kaart uitnemen",
        ),
        Progress.PRINTING: (
            "Beleg wird gedruckt", "Printing receipt", "Impression", "Stampa ricevuta", "Imprimiendo",
            "Bon wordt geprint",
        ),
        Progress.CANCELING: (
            "Wird abgebrochen", "Canceling", "Annulation", "Annullamento", "Cancelando", "Wordt geannuleerd",
        ),
        Progress.CHECKING: (
            "Wird geklärt, bitte warten", "Checking, please wait", "Vérification en cours",
            "Verifica in corso", "Comprobando, espere", "Wordt nagegaan",
        ),
        Progress.CAPTURING: (
            "Wird gebucht", "Booking", "Comptabilisation", "Contabilizzazione", "Contabilizando",
            "Wordt geboekt",
        ),
        Progress.RELEASING: (
            "Storno läuft", "Reversing", "Extourne en cours", "Storno in corso", "Anulando",
            "Wordt teruggedraaid",
        ),
        Progress.REFUNDING: (
            "Gutschrift läuft", "Refunding", "Remboursement", "Rimborso in corso", "Devolviendo",
            "Terugbetaling loopt",
        ),
    }
)  # fmt: skip


def prompt(step: Progress, language: str) -> str:
    """What a cashier reads while this goes on; English for a language without words."""
    at = LANGUAGES.index(language) if language in LANGUAGES else LANGUAGES.index(ENGLISH)
    return _WORDS[step][at]


@lru_cache(maxsize=64)
def preferred(accepted: str, default: str = ENGLISH) -> str:
    """The best of our languages for an Accept-Language header (RFC 9110, 12.5.4); `default` if none fits."""
    wishes: list[tuple[float, str]] = []
    for part in accepted[:_HEADER_MAX].split(","):
        tag, _, weight = part.partition(";")
        language = tag.strip().partition("-")[0].lower()
        found = _WEIGHT.fullmatch(weight.strip() or "q=1")
        wishes.append((float(found[1]) if found else 0.0, language))
    wishes.sort(key=lambda wish: -wish[0])
    for weight_, language in wishes:
        if weight_ > 0 and language in LANGUAGES:
            return language
        if weight_ > 0 and language == "*":
            break
    return default
