/*
 * The part of wsk.h that this client uses, written from Microsoft's pages of the same names: mingw-w64 has no such header.
 */
#ifndef CLIENT_WSK_H
#define CLIENT_WSK_H

#include <ntddk.h>

#define AF_INET 2
#define SOCK_DGRAM 2
#define IPPROTO_UDP 17

#define SOL_SOCKET 0xFFFF
#define SO_REUSEADDR 0x0004
#define SO_EXCLUSIVEADDRUSE ((ULONG)~SO_REUSEADDR)

#define SIO_WSK_SET_REMOTE_ADDRESS 0x8F000001u

#define WSK_FLAG_DATAGRAM_SOCKET 0x00000004
#define MAKE_WSK_VERSION(Major, Minor) ((USHORT)((Major) << 8 | ((Minor) & 0xFF)))

typedef struct _SOCKADDR {
    USHORT sa_family;
    CHAR sa_data[14];
} SOCKADDR, *PSOCKADDR;

/* The port and the address have the network's byte order. */
typedef struct _SOCKADDR_IN {
    USHORT sin_family;
    USHORT sin_port;
    ULONG sin_addr;
    CHAR sin_zero[8];
} SOCKADDR_IN;

typedef struct _WSK_BUF {
    PMDL Mdl;
    ULONG Offset;
    SIZE_T Length;
} WSK_BUF, *PWSK_BUF;

typedef struct _WSK_SOCKET {
    const VOID *Dispatch;
} WSK_SOCKET, *PWSK_SOCKET;

typedef enum _WSK_CONTROL_SOCKET_TYPE {
    WskSetOption,
    WskGetOption,
    WskIoctl
} WSK_CONTROL_SOCKET_TYPE;

typedef struct _WSK_CLIENT_DISPATCH {
    USHORT Version;
    USHORT Reserved;
    PVOID WskClientEvent;
} WSK_CLIENT_DISPATCH;

typedef struct _WSK_CLIENT_NPI {
    PVOID ClientContext;
    const WSK_CLIENT_DISPATCH *Dispatch;
} WSK_CLIENT_NPI, *PWSK_CLIENT_NPI;

typedef struct _WSK_REGISTRATION {
    ULONGLONG ReservedRegistrationState;
    PVOID ReservedRegistrationContext;
    KSPIN_LOCK ReservedRegistrationLock;
} WSK_REGISTRATION, *PWSK_REGISTRATION;

typedef struct _WSK_CLIENT WSK_CLIENT, *PWSK_CLIENT;

typedef struct _WSK_PROVIDER_DISPATCH {
    USHORT Version;
    USHORT Reserved;
    NTSTATUS(NTAPI *WskSocket)(PWSK_CLIENT Client, USHORT AddressFamily, USHORT SocketType, ULONG Protocol,
                               ULONG Flags, PVOID SocketContext, const VOID *Dispatch, PEPROCESS OwningProcess,
                               PETHREAD OwningThread, PSECURITY_DESCRIPTOR SecurityDescriptor, PIRP Irp);
    PVOID WskSocketConnect;
    PVOID WskControlClient;
} WSK_PROVIDER_DISPATCH;

typedef struct _WSK_PROVIDER_NPI {
    PWSK_CLIENT Client;
    const WSK_PROVIDER_DISPATCH *Dispatch;
} WSK_PROVIDER_NPI, *PWSK_PROVIDER_NPI;

typedef struct _WSK_PROVIDER_BASIC_DISPATCH {
    NTSTATUS(NTAPI *WskControlSocket)(PWSK_SOCKET Socket, WSK_CONTROL_SOCKET_TYPE RequestType, ULONG ControlCode,
                                      ULONG Level, SIZE_T InputSize, PVOID InputBuffer, SIZE_T OutputSize,
                                      PVOID OutputBuffer, SIZE_T *OutputSizeReturned, PIRP Irp);
    NTSTATUS(NTAPI *WskCloseSocket)(PWSK_SOCKET Socket, PIRP Irp);
} WSK_PROVIDER_BASIC_DISPATCH;

typedef struct _WSK_PROVIDER_DATAGRAM_DISPATCH {
    WSK_PROVIDER_BASIC_DISPATCH Basic;
    NTSTATUS(NTAPI *WskBind)(PWSK_SOCKET Socket, PSOCKADDR LocalAddress, ULONG Flags, PIRP Irp);
    NTSTATUS(NTAPI *WskSendTo)(PWSK_SOCKET Socket, PWSK_BUF Buffer, ULONG Flags, PSOCKADDR RemoteAddress,
                               ULONG ControlInfoLength, PVOID ControlInfo, PIRP Irp);
    NTSTATUS(NTAPI *WskReceiveFrom)(PWSK_SOCKET Socket, PWSK_BUF Buffer, ULONG Flags, PSOCKADDR RemoteAddress,
                                    PULONG ControlLength, PVOID ControlInfo, PULONG ControlFlags, PIRP Irp);
    PVOID WskRelease;
    NTSTATUS(NTAPI *WskGetLocalAddress)(PWSK_SOCKET Socket, PSOCKADDR LocalAddress, PIRP Irp);
} WSK_PROVIDER_DATAGRAM_DISPATCH;

NTSTATUS NTAPI WskRegister(PWSK_CLIENT_NPI WskClientNpi, PWSK_REGISTRATION WskRegistration);
NTSTATUS NTAPI WskCaptureProviderNPI(PWSK_REGISTRATION WskRegistration, ULONG WaitTimeout,
                                     PWSK_PROVIDER_NPI WskProviderNpi);
VOID NTAPI WskReleaseProviderNPI(PWSK_REGISTRATION WskRegistration);
VOID NTAPI WskDeregister(PWSK_REGISTRATION WskRegistration);

#endif
