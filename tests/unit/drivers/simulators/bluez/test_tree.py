"""Objects of a D-Bus service: each change is told once, in D-Bus' own words."""

from dbus_fast import Message, Variant

from drivers.simulators.bluez.tree import ObjectTree, variant

DEVICE = "org.bluez.Device1"


def test_additions_changes_and_removals_are_told() -> None:
    told: list[Message] = []
    tree = ObjectTree(told.append)
    tree.add("/a", {DEVICE: {"Connected": False, "RSSI": -50}})
    tree.add("/a/b", {"x": {}})
    tree.add("/ab", {"x": {}})
    assert tree.paths("/a") == ["/a/b"]
    tree.change("/a", DEVICE, {"Connected": True})
    tree.change("/a", DEVICE, {}, ["RSSI", "Never"])
    tree.change("/a", DEVICE, {}, ["RSSI"])
    tree.remove("/a")
    tree.remove("/a")
    assert [(each.member, each.path) for each in told] == [
        ("InterfacesAdded", "/"),
        ("InterfacesAdded", "/"),
        ("InterfacesAdded", "/"),
        ("PropertiesChanged", "/a"),
        ("PropertiesChanged", "/a"),
        ("InterfacesRemoved", "/"),
        ("InterfacesRemoved", "/"),
    ]
    assert told[3].body == [DEVICE, {"Connected": Variant("b", True)}, []]
    assert told[4].body == [DEVICE, {}, ["RSSI"]]
    assert [each.body[0] for each in told[5:]] == ["/a/b", "/a"]
    assert "/a" not in tree
    assert "/ab" in tree


def test_what_is_managed_and_what_is_asked_for() -> None:
    tree = ObjectTree(lambda _: None)
    tree.add("/a", {DEVICE: {"RSSI": -50}})
    assert tree.managed() == {"/a": {DEVICE: {"RSSI": Variant("n", -50)}}}
    assert tree.properties("/a", DEVICE) == {"RSSI": -50}
    assert tree.properties("/a", "other") is None
    assert tree.properties("/b", DEVICE) is None


def test_properties_travel_as_bluez_sends_them() -> None:
    assert variant("MTU", 247).signature == "q"
    assert variant("Connected", True).signature == "b"
    assert variant("Name", "x").signature == "s"
    data = variant("ManufacturerData", {0x59: b"\x01"})
    assert (data.signature, data.value[0x59]) == ("a{qv}", Variant("ay", b"\x01"))
