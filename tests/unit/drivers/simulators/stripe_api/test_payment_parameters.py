"""The parameter tables of payments against the official package's parameter types."""

import pytest

from drivers.simulators.stripe_api import payment_parameters as tables
from drivers.simulators.stripe_api import webhooks
from drivers.simulators.stripe_api.shapes import NOTHING, ONLY_EXPAND, PAGED, Hash, NotSimulated
from tests.unit.drivers.simulators.stripe_api.oracle import check_parameters

EXTRA = {
    "payment_method_types": "accepted with versions before 2026-09-30.endive; the package is newer",
}


@pytest.mark.parametrize(
    ("path", "name", "table"),
    [
        ("params/_payment_intent_create_params.py", "PaymentIntentCreateParams", tables.INTENT_CREATE),
        ("params/_payment_intent_update_params.py", "PaymentIntentUpdateParams", tables.INTENT_UPDATE),
        ("params/_payment_intent_retrieve_params.py", "PaymentIntentRetrieveParams", tables.INTENT_RETRIEVE),
        ("params/_payment_intent_list_params.py", "PaymentIntentListParams", tables.INTENT_LIST),
        ("params/_payment_intent_confirm_params.py", "PaymentIntentConfirmParams", tables.INTENT_CONFIRM),
        ("params/_payment_intent_capture_params.py", "PaymentIntentCaptureParams", tables.INTENT_CAPTURE),
        ("params/_payment_intent_cancel_params.py", "PaymentIntentCancelParams", tables.INTENT_CANCEL),
        (
            "params/_payment_intent_increment_authorization_params.py",
            "PaymentIntentIncrementAuthorizationParams",
            tables.INTENT_INCREMENT,
        ),
        ("params/_charge_list_params.py", "ChargeListParams", tables.CHARGE_LIST),
        ("params/_charge_retrieve_params.py", "ChargeRetrieveParams", ONLY_EXPAND),
        ("params/_charge_update_params.py", "ChargeUpdateParams", tables.CHARGE_UPDATE),
        ("params/_refund_create_params.py", "RefundCreateParams", tables.REFUND_CREATE),
        ("params/_refund_update_params.py", "RefundUpdateParams", tables.REFUND_UPDATE),
        ("params/_refund_list_params.py", "RefundListParams", tables.REFUND_LIST),
        ("params/_refund_retrieve_params.py", "RefundRetrieveParams", ONLY_EXPAND),
        ("params/_refund_cancel_params.py", "RefundCancelParams", ONLY_EXPAND),
        ("params/_event_list_params.py", "EventListParams", tables.EVENT_LIST),
        ("params/_event_retrieve_params.py", "EventRetrieveParams", ONLY_EXPAND),
        ("params/_file_create_params.py", "FileCreateParams", tables.FILE_CREATE),
        ("params/_file_list_params.py", "FileListParams", tables.FILE_LIST),
        ("params/_file_retrieve_params.py", "FileRetrieveParams", ONLY_EXPAND),
        ("params/_webhook_endpoint_create_params.py", "WebhookEndpointCreateParams", webhooks.CREATE),
        ("params/_webhook_endpoint_update_params.py", "WebhookEndpointUpdateParams", webhooks.UPDATE),
        ("params/_webhook_endpoint_list_params.py", "WebhookEndpointListParams", Hash(PAGED)),
        ("params/_webhook_endpoint_retrieve_params.py", "WebhookEndpointRetrieveParams", ONLY_EXPAND),
        ("params/_webhook_endpoint_delete_params.py", "WebhookEndpointDeleteParams", NOTHING),
    ],
)
def test_tables_and_package_agree(path: str, name: str, table: Hash) -> None:
    assert check_parameters(path, name, table, set(EXTRA)) == []


def test_everything_refused_on_purpose_has_a_reason() -> None:
    refused = [
        shape.reason
        for table in (tables.INTENT_CREATE, tables.INTENT_UPDATE, tables.INTENT_CONFIRM, tables.REFUND_CREATE)
        for shape in table.fields.values()
        if isinstance(shape, NotSimulated)
    ]
    assert len(refused) > 30
    assert all(len(reason) > 10 for reason in refused)
