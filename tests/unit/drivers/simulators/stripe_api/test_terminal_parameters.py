"""Terminal's parameter tables against the official package's parameter types."""

import pytest

from drivers.simulators.stripe_api import terminal_parameters as tables
from drivers.simulators.stripe_api.errors import ApiError
from drivers.simulators.stripe_api.shapes import NOTHING, ONLY_EXPAND, Hash
from tests.unit.drivers.simulators.stripe_api.oracle import check_parameters

HELPERS = "params/test_helpers/terminal/"
TERMINAL = "params/terminal/"


@pytest.mark.parametrize(
    ("path", "name", "table"),
    [
        (
            TERMINAL + "_connection_token_create_params.py",
            "ConnectionTokenCreateParams",
            tables.CONNECTION_TOKEN,
        ),
        (TERMINAL + "_location_create_params.py", "LocationCreateParams", tables.LOCATION_CREATE),
        (TERMINAL + "_location_update_params.py", "LocationUpdateParams", tables.LOCATION_UPDATE),
        (TERMINAL + "_location_list_params.py", "LocationListParams", tables.LOCATION_LIST),
        (TERMINAL + "_location_retrieve_params.py", "LocationRetrieveParams", ONLY_EXPAND),
        (TERMINAL + "_location_delete_params.py", "LocationDeleteParams", NOTHING),
        (TERMINAL + "_reader_create_params.py", "ReaderCreateParams", tables.READER_CREATE),
        (TERMINAL + "_reader_update_params.py", "ReaderUpdateParams", tables.READER_UPDATE),
        (TERMINAL + "_reader_list_params.py", "ReaderListParams", tables.READER_LIST),
        (TERMINAL + "_reader_retrieve_params.py", "ReaderRetrieveParams", ONLY_EXPAND),
        (TERMINAL + "_reader_delete_params.py", "ReaderDeleteParams", NOTHING),
        (TERMINAL + "_reader_cancel_action_params.py", "ReaderCancelActionParams", ONLY_EXPAND),
        (
            TERMINAL + "_reader_process_payment_intent_params.py",
            "ReaderProcessPaymentIntentParams",
            tables.PROCESS_PAYMENT,
        ),
        (
            TERMINAL + "_reader_collect_payment_method_params.py",
            "ReaderCollectPaymentMethodParams",
            tables.COLLECT_PAYMENT,
        ),
        (
            TERMINAL + "_reader_confirm_payment_intent_params.py",
            "ReaderConfirmPaymentIntentParams",
            tables.CONFIRM_PAYMENT,
        ),
        (
            TERMINAL + "_reader_process_setup_intent_params.py",
            "ReaderProcessSetupIntentParams",
            tables.PROCESS_SETUP,
        ),
        (TERMINAL + "_reader_refund_payment_params.py", "ReaderRefundPaymentParams", tables.REFUND_PAYMENT),
        (
            TERMINAL + "_reader_set_reader_display_params.py",
            "ReaderSetReaderDisplayParams",
            tables.SET_DISPLAY,
        ),
        (TERMINAL + "_reader_collect_inputs_params.py", "ReaderCollectInputsParams", tables.COLLECT_INPUTS),
        (
            TERMINAL + "_configuration_create_params.py",
            "ConfigurationCreateParams",
            tables.CONFIGURATION_CREATE,
        ),
        (
            TERMINAL + "_configuration_update_params.py",
            "ConfigurationUpdateParams",
            tables.CONFIGURATION_UPDATE,
        ),
        (TERMINAL + "_configuration_list_params.py", "ConfigurationListParams", tables.CONFIGURATION_LIST),
        (TERMINAL + "_configuration_retrieve_params.py", "ConfigurationRetrieveParams", ONLY_EXPAND),
        (TERMINAL + "_configuration_delete_params.py", "ConfigurationDeleteParams", NOTHING),
        (
            HELPERS + "_reader_present_payment_method_params.py",
            "ReaderPresentPaymentMethodParams",
            tables.PRESENT,
        ),
        (
            HELPERS + "_reader_succeed_input_collection_params.py",
            "ReaderSucceedInputCollectionParams",
            tables.SUCCEED_INPUTS,
        ),
        (
            HELPERS + "_reader_timeout_input_collection_params.py",
            "ReaderTimeoutInputCollectionParams",
            ONLY_EXPAND,
        ),
    ],
)
def test_tables_and_package_agree(path: str, name: str, table: Hash) -> None:
    assert check_parameters(path, name, table, set()) == []


def test_a_passcode_has_five_digits() -> None:
    read = tables.CONFIGURATION_CREATE.read
    assert read({"reader_security": {"admin_menu_passcode": "01234"}})
    with pytest.raises(ApiError) as caught:
        read({"reader_security": {"admin_menu_passcode": "1234x"}})
    assert caught.value.param == "reader_security[admin_menu_passcode]"
