//! The service manager of the running Windows system.

use std::ffi::{OsStr, OsString};
use std::io;

use windows_service::service::{
    Service, ServiceAccess, ServiceErrorControl, ServiceExitCode, ServiceInfo, ServiceStartType,
    ServiceState, ServiceType,
};
use windows_service::service_manager::{ServiceManager, ServiceManagerAccess};
use windows_sys::Win32::Foundation::{ERROR_SERVICE_DOES_NOT_EXIST, ERROR_SERVICE_SPECIFIC_ERROR};

use super::{Error, Manager, Start, State, Status};

/// The local service manager; connected to anew for each call, with no more rights than the call needs.
pub(super) struct Local;

impl Manager for Local {
    fn query(&self, service: &str) -> Result<Option<Status>, Error> {
        let doing = "looking up";
        let access = ServiceAccess::QUERY_STATUS | ServiceAccess::QUERY_CONFIG;
        let open = match open(doing, service, access) {
            Err(error) if error.code() == Some(ERROR_SERVICE_DOES_NOT_EXIST) => return Ok(None),
            open => open?,
        };
        let config = open.query_config().map_err(|error| failure(doing, service, error))?;
        let status = open.query_status().map_err(|error| failure(doing, service, error))?;
        let (exit_code, service_exit_code) = match status.exit_code {
            ServiceExitCode::Win32(code) => (code, 0),
            ServiceExitCode::ServiceSpecific(code) => (ERROR_SERVICE_SPECIFIC_ERROR, code),
        };
        Ok(Some(Status {
            state: state(status.current_state),
            kernel_driver: config.service_type == ServiceType::KERNEL_DRIVER,
            path: config.executable_path.to_string_lossy().into_owned(),
            start: start(config.start_type),
            exit_code,
            service_exit_code,
        }))
    }

    fn create(&self, service: &str, path: &str) -> Result<(), Error> {
        let doing = "installing";
        let access = ServiceManagerAccess::CONNECT | ServiceManagerAccess::CREATE_SERVICE;
        let manager = connect(doing, service, access)?;
        let created = manager.create_service(&info(service, path), ServiceAccess::QUERY_STATUS);
        created.map(drop).map_err(|error| failure(doing, service, error))
    }

    fn configure(&self, service: &str, path: &str) -> Result<(), Error> {
        let doing = "changing";
        let open = open(doing, service, ServiceAccess::CHANGE_CONFIG)?;
        open.change_config(&info(service, path)).map_err(|error| failure(doing, service, error))
    }

    fn start(&self, service: &str) -> Result<(), Error> {
        let doing = "starting";
        let open = open(doing, service, ServiceAccess::START)?;
        open.start::<&OsStr>(&[]).map_err(|error| failure(doing, service, error))
    }

    fn stop(&self, service: &str) -> Result<(), Error> {
        let doing = "stopping";
        let open = open(doing, service, ServiceAccess::STOP)?;
        open.stop().map(drop).map_err(|error| failure(doing, service, error))
    }

    fn delete(&self, service: &str) -> Result<(), Error> {
        let doing = "removing";
        let open = open(doing, service, ServiceAccess::DELETE)?;
        open.delete().map_err(|error| failure(doing, service, error))
    }
}

fn connect(
    doing: &'static str,
    service: &str,
    access: ServiceManagerAccess,
) -> Result<ServiceManager, Error> {
    ServiceManager::local_computer(None::<&OsStr>, access).map_err(|error| failure(doing, service, error))
}

fn open(doing: &'static str, service: &str, access: ServiceAccess) -> Result<Service, Error> {
    let manager = connect(doing, service, ServiceManagerAccess::CONNECT)?;
    manager.open_service(service, access).map_err(|error| failure(doing, service, error))
}

fn info(service: &str, path: &str) -> ServiceInfo {
    ServiceInfo {
        name: OsString::from(service),
        display_name: OsString::from(service),
        service_type: ServiceType::KERNEL_DRIVER,
        start_type: ServiceStartType::OnDemand,
        error_control: ServiceErrorControl::Normal,
        executable_path: path.into(),
        launch_arguments: Vec::new(),
        dependencies: Vec::new(),
        account_name: None,
        account_password: None,
    }
}

fn failure(doing: &'static str, service: &str, error: windows_service::Error) -> Error {
    let source = match error {
        windows_service::Error::Winapi(error) => error,
        odd => io::Error::other(odd),
    };
    Error::Refused { doing, service: service.to_owned(), source }
}

const fn state(state: ServiceState) -> State {
    match state {
        ServiceState::Stopped => State::Stopped,
        ServiceState::StartPending => State::StartPending,
        ServiceState::StopPending => State::StopPending,
        ServiceState::Running => State::Running,
        ServiceState::ContinuePending | ServiceState::PausePending | ServiceState::Paused => State::Paused,
    }
}

const fn start(start: ServiceStartType) -> Start {
    match start {
        ServiceStartType::BootStart => Start::Boot,
        ServiceStartType::SystemStart => Start::System,
        ServiceStartType::AutoStart => Start::Automatic,
        ServiceStartType::OnDemand => Start::Demand,
        ServiceStartType::Disabled => Start::Disabled,
    }
}
