//! What the operating system says of this process and machine, read from /proc when somebody asks.
//!
//! A figure that the system doesn't tell is 0.

/// Ticks of the system's accounting in a second: fixed on Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// Seconds of CPU time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CpuTimes {
    pub user: f64,
    pub system: f64,
    pub children_user: f64,
    pub children_system: f64,
}

/// Of the whole process, with its ended children.
pub fn cpu() -> CpuTimes {
    read_stat("/proc/self/stat")
}

/// Of the main thread: the one that accepts connections, not the workers.
pub fn cpu_of_main_thread() -> CpuTimes {
    let id = std::process::id();
    read_stat(&format!("/proc/self/task/{id}/stat"))
}

fn read_stat(path: &str) -> CpuTimes {
    parse_stat(&std::fs::read_to_string(path).unwrap_or_default())
}

/// The command's name stands in parentheses and may hold anything; fields are counted behind it.
fn parse_stat(line: &str) -> CpuTimes {
    let fields = line.rsplit_once(')').map_or("", |(_, fields)| fields);
    let mut ticks = fields.split_ascii_whitespace().skip(11).map(|field| field.parse::<f64>().unwrap_or(0.0));
    let mut next = || ticks.next().unwrap_or(0.0) / TICKS_PER_SECOND;
    CpuTimes { user: next(), system: next(), children_user: next(), children_system: next() }
}

/// Bytes of physical memory that the process occupies.
pub fn resident_bytes() -> u64 {
    let line = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = line.split_ascii_whitespace().nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages * rustix::param::page_size() as u64
}

/// Bytes of physical memory of the machine.
pub fn total_memory_bytes() -> u64 {
    let info = rustix::system::sysinfo();
    info.totalram * u64::from(info.mem_unit)
}

/// The system's name, release and machine, as `uname -srm` says them.
pub fn system() -> String {
    let uname = rustix::system::uname();
    let part = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
    format!("{} {} {}", part(uname.sysname()), part(uname.release()), part(uname.machine()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_parentheses_are_skipped() {
        let times = parse_stat("12 (a) (b) S 1 2 3 4 5 6 7 8 9 10 150 25 300 50 20 0");
        let expect = CpuTimes { user: 1.5, system: 0.25, children_user: 3.0, children_system: 0.5 };
        assert_eq!(times, expect);
        assert_eq!(parse_stat("nonsense"), CpuTimes::default());
    }

    #[test]
    fn this_process_has_memory() {
        assert!(resident_bytes() > 1 << 20 && total_memory_bytes() > resident_bytes());
        assert!(system().starts_with("Linux "));
    }
}
