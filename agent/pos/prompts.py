"""What cashiers read while a customer pays: one vocabulary for every door and every kind of reader."""

from collections.abc import Mapping
from types import MappingProxyType

from drivers.contract import Progress

LANGUAGES = ("de", "en", "fr", "it", "es", "nl")
"""Languages there are words for, ISO 639-1; others get English."""

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
    at = LANGUAGES.index(language) if language in LANGUAGES else LANGUAGES.index("en")
    return _WORDS[step][at]
