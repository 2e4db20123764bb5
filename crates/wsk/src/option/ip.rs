//! The options of level `IPPROTO_IP`.
//!
//! They are for IPv4 sockets, and for IPv6 sockets that serve IPv4 too: those whose [`V6Only`](super::ipv6::V6Only) is
//! off. WSK's pages do not describe them; the transport underneath takes them, as Winsock's pages say.

wsk_requests::ip_options!(typed);
wsk_requests::ip_group_options!(typed);
