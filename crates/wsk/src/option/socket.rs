//! The options of level `SOL_SOCKET`.

wsk_requests::socket_options!(typed);
