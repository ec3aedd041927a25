//! The users there are, and whose clients are whose.
//!
//! The table and its users never change: a change puts another table in its place, and hands every client of a changed
//! user the new one. Changes, and whatever makes a client somebody's, happen one at a time: nobody keeps rights that
//! were taken away meanwhile.

use crate::acl::{Catalogue, DEFAULT_USER, Kept, Log, SetError, User, file};
use crate::config::{Config, Source};
use crate::state::Server;
use crate::state::clients::{Client, Registry};
use crate::state::hot::HotSettings;
use arc_swap::{ArcSwap, Guard};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// All users, by name. Cloned for each change, so it holds nothing that would be copied.
type Table = BTreeMap<Arc<[u8]>, Arc<User>>;

/// See the module's text.
pub struct Users {
    table: ArcSwap<Table>,
    changing: Mutex<()>,
    /// Held while the file is written.
    saving: Mutex<()>,
    pub catalogue: Catalogue,
    pub log: Log,
}

impl Users {
    /// Only the default user, who may do everything.
    pub fn new(catalogue: Catalogue) -> Self {
        let default = Arc::new(User::unlimited(&catalogue));
        Self {
            table: ArcSwap::from_pointee(Table::from([(DEFAULT_USER.into(), default)])),
            changing: Mutex::default(),
            saving: Mutex::default(),
            catalogue,
            log: Log::default(),
        }
    }

    pub fn all(&self) -> Guard<Arc<Table>> {
        self.table.load()
    }

    pub fn find(&self, name: &[u8]) -> Option<Arc<User>> {
        self.table.load().get(name).map(Arc::clone)
    }

    /// The default user, who is always there.
    pub fn default_user(&self) -> Arc<User> {
        self.find(DEFAULT_USER).unwrap_or_else(|| Arc::new(User::unlimited(&self.catalogue)))
    }

    fn store(&self, table: Table, hot: &HotSettings) {
        self.table.store(Arc::new(table));
        let default = self.default_user();
        hot.password_needed.store(!default.needs_no_password() || !default.is_on(), Relaxed);
    }

    /// ACL SAVE: replaces the file by one that says who the users are now; a crash leaves either of them.
    ///
    /// # Errors
    /// What could not be done, for the log; then the old file is as it was.
    pub fn save(&self, path: &Path) -> Result<(), String> {
        let _one_at_a_time = self.saving.lock();
        let text = file::render(self.all().values().map(|user| &**user));
        let directory =
            path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut temporary = path.as_os_str().to_os_string();
        temporary.push(format!(".tmp-{}-{:08x}", std::process::id(), rand::random::<u32>()));
        let doing = |what: &str| {
            let what = what.to_owned();
            move |error: std::io::Error| format!("{what} for ACL SAVE: {error}")
        };
        let saved = (|| {
            let mut file = std::fs::File::create_new(&temporary).map_err(doing("Opening temp ACL file"))?;
            if let Ok(old) = std::fs::metadata(path) {
                file.set_permissions(old.permissions()).map_err(doing("Opening temp ACL file"))?;
            }
            file.write_all(&text).map_err(doing("Writing ACL file"))?;
            file.sync_all().map_err(doing("Syncing ACL file"))?;
            std::fs::rename(&temporary, path).map_err(doing("Renaming ACL file"))?;
            std::fs::File::open(directory)
                .and_then(|directory| directory.sync_all())
                .map_err(doing("Syncing ACL directory"))
        })();
        if saved.is_err() {
            let _ = std::fs::remove_file(&temporary); // It may never have been made, or be the file by now.
        }
        saved
    }
}

/// Reads the file of users.
///
/// # Errors
/// In Redis' words, all that is wrong.
pub fn read_file(catalogue: &Catalogue, path: &Path, all_channels: bool) -> Result<Vec<User>, String> {
    let shown = path.display().to_string();
    let text = std::fs::read(path).map_err(|error| {
        format!("Error loading ACLs, opening file '{shown}': {}", crate::config::load::reason(&error))
    })?;
    file::parse(catalogue, &text, &shown, all_channels)
}

impl Server {
    /// Obeys rules for a user, who is made if there is none of that name.
    ///
    /// # Errors
    /// The first thing that is wrong; then nothing has changed.
    pub fn set_user(&self, name: &[u8], rules: &[&[u8]]) -> Result<(), SetError> {
        let users = &self.users;
        let all_channels = self.settings.snapshot().acl_all_channels();
        let _one_at_a_time = users.changing.lock();
        let before = users.find(name);
        let user = match &before {
            Some(before) => before.changed(&users.catalogue, rules, all_channels)?,
            None => User::new(&users.catalogue, name, all_channels).changed(
                &users.catalogue,
                rules,
                all_channels,
            )?,
        };
        self.put_user(before, user);
        Ok(())
    }

    /// `requirepass`: the only password of the default user, or none.
    pub fn set_default_password(&self, password: Option<&[u8]>) {
        let rule = password.map_or(b"nopass".to_vec(), |password| [b">", password].concat());
        if let Err(error) = self.set_user(DEFAULT_USER, &[b"resetpass", &rule]) {
            tracing::error!("the default user's password could not be set: {error:?}");
        }
    }

    fn put_user(&self, before: Option<Arc<User>>, user: User) {
        let user = Arc::new(user);
        let mut table = Table::clone(&self.users.all());
        table.insert(user.name().into(), Arc::clone(&user));
        self.users.store(table, &self.hot);
        if let Some(before) = before {
            self.hand_over(&before, &user);
        }
    }

    /// Gives the clients of a user what the user has become, and cuts off those who listen to what was lost.
    fn hand_over(&self, before: &User, after: &Arc<User>) {
        let kept = Kept::of(before, after);
        for client in clients_of(&self.clients, before.name()) {
            client.become_user(Arc::clone(after));
            if kept.as_ref().is_some_and(|kept| listens_to_lost(&client, kept)) {
                self.end(&client);
            }
        }
    }

    fn end(&self, client: &Client) {
        client.kill();
        // Its worker will come to it in a moment; from now on nobody sees it any more.
        self.clients.remove(client.id);
    }

    /// Removes users and ends their clients, but for `me`, whose caller does. Returns how many there were.
    pub fn delete_users<'a>(&self, names: impl Iterator<Item = &'a [u8]>, me: u64) -> usize {
        let _one_at_a_time = self.users.changing.lock();
        let mut table = Table::clone(&self.users.all());
        let gone: Vec<Arc<User>> = names.filter_map(|name| table.remove(name)).collect();
        self.users.store(table, &self.hot);
        for user in &gone {
            self.end_clients_of(user.name(), me);
        }
        gone.len()
    }

    /// They stay who they were: whatever they had sent is not done in the name of somebody else.
    fn end_clients_of(&self, name: &[u8], me: u64) {
        clients_of(&self.clients, name).filter(|client| client.id != me).for_each(|client| self.end(&client));
    }

    /// Puts these users in the place of all there are. As in Redis the clients of all but the default user are ended,
    /// but for `me`, whose caller does.
    pub fn replace_users(&self, users: Vec<User>, me: u64) {
        let _one_at_a_time = self.users.changing.lock();
        let old = self.users.table.load_full();
        let mut table: Table =
            users.into_iter().map(|user| (Arc::from(user.name()), Arc::new(user))).collect();
        let catalogue = &self.users.catalogue;
        let default =
            table.entry(DEFAULT_USER.into()).or_insert_with(|| Arc::new(User::unlimited(catalogue)));
        let default = Arc::clone(default);
        self.users.store(table, &self.hot);
        for (name, before) in old.iter() {
            match **name == *DEFAULT_USER {
                true => self.hand_over(before, &default),
                false => self.end_clients_of(name, me),
            }
        }
    }

    /// Makes a client the user's, if name and password are right. Returns whether they are.
    pub fn log_in(&self, client: &Client, name: &[u8], password: &[u8]) -> bool {
        let is_right = |user: &Arc<User>| user.lets_in(password);
        // Outside of the lock, since it takes long; and once more, if that was somebody else meanwhile.
        let Some(mut user) = self.users.find(name).filter(is_right) else { return false };
        let _one_at_a_time = self.users.changing.lock();
        let Some(now) = self.users.find(name) else { return false };
        if !Arc::ptr_eq(&now, &user) {
            if !is_right(&now) {
                return false;
            }
            user = now;
        }
        client.become_user(user);
        true
    }

    /// Makes a client the default user's again (RESET).
    pub fn log_out(&self, client: &Client) {
        let _one_at_a_time = self.users.changing.lock();
        client.become_user(self.users.default_user());
    }

    /// Takes a new client in: the default user's.
    pub fn welcome(&self, client: Client) -> Arc<Client> {
        let client = Arc::new(client);
        let _one_at_a_time = self.users.changing.lock();
        client.become_user(self.users.default_user());
        self.clients.add(Arc::clone(&client));
        client
    }

    /// Whether outsiders are kept out while `protected-mode` is on: anybody could be the default user.
    pub fn is_open_to_all(&self) -> bool {
        self.users.default_user().needs_no_password()
    }

    /// The lines that CONFIG REWRITE puts into the file: none if they stand in a file of their own. Users that another
    /// source declares stay out, since a start refuses who is declared twice; and so does the default user, where
    /// `requirepass` says all.
    pub fn user_lines(&self) -> Vec<Vec<u8>> {
        let config = self.settings.snapshot();
        if config.acl_file().is_some() {
            return Vec::new();
        }
        let is_elsewhere = |name: &[u8]| {
            let mut lines = config.users.iter().filter(|line| line.name == name);
            lines.any(|line| match &*line.origin.source {
                Source::File(path) => config.file.as_ref() != Some(path),
                Source::StandardInput | Source::CommandLine | Source::Environment => true,
            })
        };
        let plain = default_user(&config, &self.users.catalogue);
        let users = self.users.all();
        let wanted = users.values().filter(|user| ***user != plain && !is_elsewhere(user.name()));
        wanted.map(|user| user.line()).collect()
    }
}

/// Whether the client listens to something that its user has lost.
fn listens_to_lost(client: &Client, kept: &Kept<'_>) -> bool {
    let subscriptions = client.subscriptions.lock();
    subscriptions.as_ref().is_some_and(|all| !all.are_all(|name, is_pattern| kept.allows(name, is_pattern)))
}

fn clients_of(clients: &Registry, name: &[u8]) -> impl Iterator<Item = Arc<Client>> {
    clients.list().into_iter().filter(move |client| client.user().name() == name)
}

/// The default user of whom only `requirepass` speaks.
pub fn default_user(config: &Config, catalogue: &Catalogue) -> User {
    let mut user = User::unlimited(catalogue);
    if let Some(password) = config.require_pass() {
        let obeyed = user.apply(catalogue, &[b">", password].concat(), false);
        debug_assert_eq!(obeyed, Ok(()));
    }
    user
}
