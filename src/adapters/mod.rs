//! Ports, implemented. One file or folder each, with the name of its cargo feature if it has one.
