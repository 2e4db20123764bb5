//! The options of level `IPPROTO_IPV6`.
//!
//! WSK's pages do not describe them; the transport underneath takes them, as Winsock's pages say.

wsk_requests::ipv6_options!(typed);
wsk_requests::ipv6_group_options!(typed);
