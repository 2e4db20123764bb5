/*
 * A WSK client without the framework: control operations on datagram sockets, with their effects looked at.
 *
 * DriverEntry does everything, and succeeds only if each call came to what it should; each check is a line in the debug
 * output. It knows nothing of the provider but its pages, and shares no source with the Rust client.
 */
#include "wsk.h"

#define TAG 'cksW'
/* How many checks a run makes that finds nothing wrong: a run that leaves some out must not pass. */
#define CHECKS 38
/* The longest datagram. */
#define LENGTH 64
/* 127.0.0.1 in the network's byte order. */
#define LOOPBACK 0x0100007F

static const WSK_CLIENT_DISPATCH ClientDispatch = {MAKE_WSK_VERSION(1, 0), 0, NULL};

/* What a run has found. */
static ULONG Checks;
static ULONG Failures;

static BOOLEAN Check(const char *Name, BOOLEAN Good, ULONG Found)
{
    Checks += 1;
    if (!Good)
        Failures += 1;
    DbgPrint("wskclient: %s: %s (0x%x)\n", Good ? "ok" : "FAILED", Name, Found);
    return Good;
}

static BOOLEAN Succeeded(const char *Name, NTSTATUS Status)
{
    return Check(Name, Status == STATUS_SUCCESS, (ULONG)Status);
}

/* A request: its completion routine keeps the result, frees the IRP, and tells who waits. */
typedef struct _REQUEST {
    KEVENT Done;
    IO_STATUS_BLOCK Result;
} REQUEST;

static NTSTATUS NTAPI RequestComplete(PDEVICE_OBJECT DeviceObject, PIRP Irp, PVOID Context)
{
    REQUEST *Request = Context;
    UNREFERENCED_PARAMETER(DeviceObject);

    Request->Result = Irp->IoStatus;
    IoFreeIrp(Irp);
    KeSetEvent(&Request->Done, IO_NO_INCREMENT, FALSE);
    /* The I/O manager must not touch the IRP again. */
    return STATUS_MORE_PROCESSING_REQUIRED;
}

/* An IRP that completes the request; NULL if there is no memory. */
static PIRP Begin(REQUEST *Request)
{
    PIRP Irp = IoAllocateIrp(1, FALSE);
    KeInitializeEvent(&Request->Done, NotificationEvent, FALSE);
    Request->Result.Status = STATUS_INSUFFICIENT_RESOURCES;
    Request->Result.Information = 0;
    if (Irp != NULL)
        IoSetCompletionRoutine(Irp, RequestComplete, Request, TRUE, TRUE, TRUE);
    return Irp;
}

/* Waits for the request, whatever the call has returned, and gives its status. */
static NTSTATUS End(REQUEST *Request, NTSTATUS Returned)
{
    KeWaitForSingleObject(&Request->Done, Executive, KernelMode, FALSE, NULL);
    if (Returned != STATUS_PENDING && Returned != Request->Result.Status)
        Check("what a call returns is what its request ends with", FALSE, (ULONG)Returned);
    return Request->Result.Status;
}

static const WSK_PROVIDER_DATAGRAM_DISPATCH *DispatchOf(PWSK_SOCKET Socket)
{
    return Socket->Dispatch;
}

static NTSTATUS Create(const WSK_PROVIDER_NPI *Provider, PWSK_SOCKET *Socket)
{
    REQUEST Request;
    NTSTATUS Status;
    PIRP Irp = Begin(&Request);
    *Socket = NULL;
    if (Irp == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Status = Provider->Dispatch->WskSocket(Provider->Client, AF_INET, SOCK_DGRAM, IPPROTO_UDP,
                                           WSK_FLAG_DATAGRAM_SOCKET, NULL, NULL, NULL, NULL, NULL, Irp);
    Status = End(&Request, Status);
    if (NT_SUCCESS(Status))
        *Socket = (PWSK_SOCKET)Request.Result.Information;
    return Status;
}

static NTSTATUS Control(PWSK_SOCKET Socket, WSK_CONTROL_SOCKET_TYPE Type, ULONG Code, ULONG Level, SIZE_T InputSize,
                        PVOID Input, SIZE_T OutputSize, PVOID Output, SIZE_T *Returned)
{
    REQUEST Request;
    NTSTATUS Status;
    PIRP Irp = Begin(&Request);
    if (Irp == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Status = DispatchOf(Socket)->Basic.WskControlSocket(Socket, Type, Code, Level, InputSize, Input, OutputSize,
                                                        Output, Returned, Irp);
    Status = End(&Request, Status);
    /* With an IRP, this is where the number of bytes comes. */
    if (NT_SUCCESS(Status) && Returned != NULL)
        *Returned = Request.Result.Information;
    return Status;
}

static NTSTATUS SetFlag(PWSK_SOCKET Socket, ULONG Option)
{
    ULONG On = 1;
    return Control(Socket, WskSetOption, Option, SOL_SOCKET, sizeof(On), &On, 0, NULL, NULL);
}

static NTSTATUS SetRemoteAddress(PWSK_SOCKET Socket, SOCKADDR_IN *Address)
{
    return Control(Socket, WskIoctl, SIO_WSK_SET_REMOTE_ADDRESS, 0, sizeof(*Address), Address, 0, NULL, NULL);
}

static NTSTATUS Bind(PWSK_SOCKET Socket, USHORT Port)
{
    SOCKADDR_IN Local = {AF_INET, Port, LOOPBACK, {0}};
    REQUEST Request;
    PIRP Irp = Begin(&Request);
    if (Irp == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    return End(&Request, DispatchOf(Socket)->WskBind(Socket, (PSOCKADDR)&Local, 0, Irp));
}

static NTSTATUS LocalAddress(PWSK_SOCKET Socket, SOCKADDR_IN *Address)
{
    REQUEST Request;
    PIRP Irp = Begin(&Request);
    if (Irp == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    return End(&Request, DispatchOf(Socket)->WskGetLocalAddress(Socket, (PSOCKADDR)Address, Irp));
}

static NTSTATUS Close(PWSK_SOCKET Socket)
{
    REQUEST Request;
    PIRP Irp = Begin(&Request);
    if (Irp == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    return End(&Request, DispatchOf(Socket)->Basic.WskCloseSocket(Socket, Irp));
}

/* Nonpaged memory, with the MDL that describes it. */
typedef struct _BUFFER {
    PCHAR Bytes;
    PMDL Mdl;
} BUFFER;

static BOOLEAN Allocate(BUFFER *Buffer)
{
    Buffer->Mdl = NULL;
    Buffer->Bytes = ExAllocatePoolWithTag(NonPagedPool, LENGTH, TAG);
    if (Buffer->Bytes == NULL)
        return FALSE;
    Buffer->Mdl = IoAllocateMdl(Buffer->Bytes, LENGTH, FALSE, FALSE, NULL);
    if (Buffer->Mdl == NULL)
        return FALSE;
    MmBuildMdlForNonPagedPool(Buffer->Mdl);
    return TRUE;
}

static VOID Free(BUFFER *Buffer)
{
    if (Buffer->Mdl != NULL)
        IoFreeMdl(Buffer->Mdl);
    if (Buffer->Bytes != NULL)
        ExFreePoolWithTag(Buffer->Bytes, TAG);
}

/* Sends the text; to the fixed remote address of the socket if no other is given. */
static VOID Send(const char *Name, PWSK_SOCKET Socket, BUFFER *Buffer, const char *Text, SOCKADDR_IN *To)
{
    WSK_BUF Data = {Buffer->Mdl, 0, 0};
    REQUEST Request;
    NTSTATUS Status;
    PIRP Irp = Begin(&Request);
    for (; Text[Data.Length] != 0; Data.Length += 1)
        Buffer->Bytes[Data.Length] = Text[Data.Length];
    if (Irp == NULL) {
        Succeeded(Name, STATUS_INSUFFICIENT_RESOURCES);
        return;
    }
    Status = DispatchOf(Socket)->WskSendTo(Socket, &Data, 0, (PSOCKADDR)To, 0, NULL, Irp);
    if (Succeeded(Name, End(&Request, Status)))
        Check("all bytes went", Request.Result.Information == Data.Length, (ULONG)Request.Result.Information);
}

/* Receives, and compares with the text and with the sender that are expected. */
static VOID Receive(const char *Name, PWSK_SOCKET Socket, BUFFER *Buffer, const char *Text, const SOCKADDR_IN *From)
{
    WSK_BUF Data = {Buffer->Mdl, 0, LENGTH};
    SOCKADDR_IN Sender = {0};
    SIZE_T Length = 0;
    REQUEST Request;
    NTSTATUS Status;
    PIRP Irp = Begin(&Request);
    if (Irp == NULL) {
        Succeeded(Name, STATUS_INSUFFICIENT_RESOURCES);
        return;
    }
    Status = DispatchOf(Socket)->WskReceiveFrom(Socket, &Data, 0, (PSOCKADDR)&Sender, NULL, NULL, NULL, Irp);
    if (!Succeeded(Name, End(&Request, Status)))
        return;
    while (Text[Length] != 0 && Text[Length] == Buffer->Bytes[Length])
        Length += 1;
    Check("the datagram is the one that was expected", Text[Length] == 0 && Request.Result.Information == Length,
          (ULONG)Request.Result.Information);
    Check("its sender too", Sender.sin_port == From->sin_port && Sender.sin_addr == From->sin_addr, Sender.sin_port);
}

/* Cancels a receive that waits. */
static VOID Cancel(PWSK_SOCKET Socket, BUFFER *Buffer)
{
    WSK_BUF Data = {Buffer->Mdl, 0, LENGTH};
    REQUEST Request;
    NTSTATUS Status;
    PIRP Irp = Begin(&Request);
    if (Irp == NULL) {
        Succeeded("a receive waits", STATUS_INSUFFICIENT_RESOURCES);
        return;
    }
    Status = DispatchOf(Socket)->WskReceiveFrom(Socket, &Data, 0, NULL, NULL, NULL, NULL, Irp);
    /* Nobody sends to this socket any more, so that the IRP is there to be cancelled. */
    if (Check("a receive waits", Status == STATUS_PENDING, (ULONG)Status))
        Check("it can be cancelled", IoCancelIrp(Irp), 0);
    Status = End(&Request, Status);
    Check("the cancelled receive ends so", Status == STATUS_CANCELLED, (ULONG)Status);
}

/* With three bound sockets: what an exclusive address and a fixed remote address mean for datagrams. */
static VOID Exchange(PWSK_SOCKET Server, PWSK_SOCKET Client, PWSK_SOCKET Stranger, BUFFER *Out, BUFFER *In)
{
    SOCKADDR_IN ServerAddress = {0}, ClientAddress = {0};
    Succeeded("the server's address", LocalAddress(Server, &ServerAddress));
    Succeeded("the client's address", LocalAddress(Client, &ClientAddress));
    Check("they have ports of their own", ServerAddress.sin_port != 0 && ClientAddress.sin_port != 0 &&
          ServerAddress.sin_port != ClientAddress.sin_port, ServerAddress.sin_port);

    Succeeded("SIO_WSK_SET_REMOTE_ADDRESS", SetRemoteAddress(Client, &ServerAddress));
    Send("a stranger sends to the client", Stranger, Out, "from a stranger", &ClientAddress);
    Send("the client sends to its fixed remote address", Client, Out, "from the client", NULL);
    Receive("the server receives", Server, In, "from the client", &ClientAddress);
    Send("the server answers", Server, Out, "from the server", &ClientAddress);
    Receive("the client receives from the server only", Client, In, "from the server", &ServerAddress);
    Cancel(Stranger, In);
}

static VOID Sockets(const WSK_PROVIDER_NPI *Provider, BUFFER *Out, BUFFER *In)
{
    PWSK_SOCKET Server, Client, Stranger;
    SOCKADDR_IN Address = {0};
    ULONG Exclusive = 0;
    SIZE_T Size = 0;
    NTSTATUS Status;

    Succeeded("the server's socket", Create(Provider, &Server));
    Succeeded("the client's socket", Create(Provider, &Client));
    Succeeded("the stranger's socket", Create(Provider, &Stranger));
    if (Server != NULL && Client != NULL && Stranger != NULL) {
        Succeeded("SO_EXCLUSIVEADDRUSE", SetFlag(Server, SO_EXCLUSIVEADDRUSE));
        Status = Control(Server, WskGetOption, SO_EXCLUSIVEADDRUSE, SOL_SOCKET, 0, NULL, sizeof(Exclusive),
                         &Exclusive, &Size);
        Succeeded("SO_EXCLUSIVEADDRUSE is asked for", Status);
        /* A provider may write one byte of the four: docs/fidelity.md, byte-boolean. */
        Check("it is set", Exclusive == 1 && (Size == sizeof(Exclusive) || Size == 1), Exclusive);
        Succeeded("the server binds", Bind(Server, 0));
        Succeeded("where it is", LocalAddress(Server, &Address));
        Succeeded("the stranger would share its address", SetFlag(Stranger, SO_REUSEADDR));
        Status = Bind(Stranger, Address.sin_port);
        Check("the server's address is not shared", Status == STATUS_ACCESS_DENIED, (ULONG)Status);
        Succeeded("the stranger binds elsewhere", Bind(Stranger, 0));
        Succeeded("the client binds", Bind(Client, 0));
        Exchange(Server, Client, Stranger, Out, In);
    }
    if (Server != NULL)
        Succeeded("the server closes", Close(Server));
    if (Client != NULL)
        Succeeded("the client closes", Close(Client));
    if (Stranger != NULL)
        Succeeded("the stranger closes", Close(Stranger));
}

static VOID Run(BUFFER *Out, BUFFER *In)
{
    WSK_CLIENT_NPI Npi = {NULL, &ClientDispatch};
    WSK_REGISTRATION Registration;
    WSK_PROVIDER_NPI Provider;

    if (!Succeeded("WskRegister", WskRegister(&Npi, &Registration)))
        return;
    /* In milliseconds: DriverEntry must not wait without a limit. */
    if (Succeeded("WskCaptureProviderNPI", WskCaptureProviderNPI(&Registration, 1000, &Provider))) {
        Sockets(&Provider, Out, In);
        WskReleaseProviderNPI(&Registration);
    }
    WskDeregister(&Registration);
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNREFERENCED_PARAMETER(DriverObject);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    BUFFER Out, In;
    UNREFERENCED_PARAMETER(RegistryPath);

    DriverObject->DriverUnload = DriverUnload;
    Checks = 0;
    Failures = 0;
    /* Before the registration: what the kernel lacks must be there from the first instruction. */
    if (Check("memory for a send", Allocate(&Out), 0) & Check("memory for a receive", Allocate(&In), 0))
        Run(&Out, &In);
    Free(&Out);
    Free(&In);
    if (Failures != 0 || Checks != CHECKS) {
        DbgPrint("wskclient: %u checks of %u, %u failed\n", Checks, CHECKS, Failures);
        return STATUS_UNSUCCESSFUL;
    }
    DbgPrint("wskclient: all %u checks passed\n", Checks);
    return STATUS_SUCCESS;
}
