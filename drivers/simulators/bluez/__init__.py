"""BlueZ without a radio: org.bluez on a private D-Bus, for programs that use the real client libraries."""
