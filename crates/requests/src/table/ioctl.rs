//! The socket IOCTLs.

/// Hands the socket IOCTLs to a macro, in rows of other columns than an option's:
///
/// ```text
/// Type = C_NAME Input Output State Irp MaxIrql Sockets Hosted Source "handled by", "What it does.";
/// ```
#[macro_export]
macro_rules! socket_ioctls {
    ($then:ident) => { $then! {
        /// Datagrams from anyone else are discarded, replies from a destination given to a send among them. The address
        /// is also the destination of a send without one. None clears it.
        #[doc(alias = "SIO_WSK_SET_REMOTE_ADDRESS")]
        SetRemoteAddress = SIO_WSK_SET_REMOTE_ADDRESS Address Nothing AfterBind Required Dispatch Datagram Honoured Wsk "ioctl::SetRemoteAddress", "Fixes the remote address: sends go there by default, and only datagrams from there are received.";
        /// It is the destination of a send without one; receives are as before, from anyone. None clears it.
        #[doc(alias = "SIO_WSK_SET_SENDTO_ADDRESS")]
        SetSendToAddress = SIO_WSK_SET_SENDTO_ADDRESS Address Nothing AfterBind Required Dispatch Datagram Honoured Wsk "ioctl::SetSendToAddress", "Fixes the destination of sends; datagrams from anyone are received.";
        /// It pends until an address comes or goes, once; then the list is to be queried again.
        #[doc(alias = "SIO_ADDRESS_LIST_CHANGE")]
        AddressListChange = SIO_ADDRESS_LIST_CHANGE Nothing Nothing AnyTime Required Passive All Honoured Wsk "AddressListChange", "Waits for a change of the local addresses.";
        /// `STATUS_BUFFER_OVERFLOW` comes with the size that is needed.
        #[doc(alias = "SIO_ADDRESS_LIST_QUERY")]
        AddressListQuery = SIO_ADDRESS_LIST_QUERY Nothing AddressList AnyTime Null Passive All Honoured Wsk "address_list", "Gets the local addresses of the socket's family.";
        /// Only its IRQL is on a page of WSK; the rest is Winsock's, which has lists of `SOCKADDR_IN6` with IPv4 addresses
        /// mapped, and advises drivers to take `CreateSortedAddressPairs` instead.
        #[doc(alias = "SIO_ADDRESS_LIST_SORT")]
        AddressListSort = SIO_ADDRESS_LIST_SORT AddressList AddressList AnyTime Either Passive All Honoured Winsock "sort_addresses", "Sorts addresses by how well they can be reached.";
        /// No extension exists, so it fails with `STATUS_NOT_SUPPORTED`.
        #[doc(alias = "SIO_WSK_REGISTER_EXTENSION")]
        RegisterExtension = SIO_WSK_REGISTER_EXTENSION ExtensionIn ExtensionOut AnyTime Null Dispatch All Refused Wsk "register_extension", "Registers an extension interface for the socket.";
    } };
}
