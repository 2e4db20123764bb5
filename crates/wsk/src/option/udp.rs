//! The options of level `IPPROTO_UDP`.
//!
//! WSK's pages do not describe them; the transport underneath takes them, as Winsock's pages say. Offloads of sends and
//! receives need Windows 10, version 2004.

wsk_requests::udp_options!(typed);
