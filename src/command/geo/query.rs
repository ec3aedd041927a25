//! What a search is asked: around what, how far, how many, and what to say of them.

use super::{position, unit};
use crate::resp::{Args, CommandError, text};
use dunlin_structures::geo::{Position, Shape};
use dunlin_structures::number::{parse_f64, parse_i64};
use dunlin_structures::zset::Zset;

/// How a command says where and how far.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// GEORADIUS: longitude, latitude and radius stand behind the key.
    AroundPosition,
    /// GEORADIUSBYMEMBER: a member and the radius do.
    AroundMember,
    /// GEOSEARCH: everything is an option.
    Search,
    /// GEOSEARCHSTORE.
    SearchStore,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    None,
    Ascending,
    Descending,
}

/// Where the result is stored.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    pub key: &'a [u8],
    /// Scores are distances, not positions.
    pub distances: bool,
}

pub(super) struct Query<'a> {
    /// Known unless there is no key to be searched.
    pub middle: Option<Position>,
    pub shape: Option<Shape>,
    /// Metres of the unit in which distances are told.
    pub metres: f64,
    pub with_distance: bool,
    pub with_hash: bool,
    pub with_position: bool,
    pub order: Order,
    /// 0: all.
    pub count: usize,
    /// Whichever are found first.
    pub any: bool,
    pub target: Option<Target<'a>>,
}

/// Reads a request. The key has been looked up: there is no set if there is none.
pub(super) fn parse<'a>(
    args: &mut Args<'a>,
    form: Form,
    may_store: bool,
    set: Option<Zset<'_>>,
) -> Result<Query<'a>, CommandError> {
    let mut query = Query {
        middle: None,
        shape: None,
        metres: 1.0,
        with_distance: false,
        with_hash: false,
        with_position: false,
        order: Order::None,
        count: 0,
        any: false,
        target: None,
    };
    match form {
        Form::AroundPosition => {
            query.middle = Some(position(args, 2)?);
            query.circle(args.at(4), args.at(5))?;
            args.seek(6);
        }
        Form::AroundMember => {
            if let Some(set) = set {
                query.middle = Some(position_of(set, args.at(2))?);
                query.circle(args.at(3), args.at(4))?;
            }
            args.seek(5);
        }
        Form::Search => args.seek(2),
        Form::SearchStore => {
            query.target = Some(Target { key: args.at(1), distances: false });
            args.seek(3);
        }
    }
    let is_search = matches!(form, Form::Search | Form::SearchStore);
    let mut place = None;
    while args.remaining() > 0 {
        let behind = args.remaining() - 1;
        if args.accept("withdist") {
            query.with_distance = true;
        } else if args.accept("withhash") {
            query.with_hash = true;
        } else if args.accept("withcoord") {
            query.with_position = true;
        } else if args.accept("any") {
            query.any = true;
        } else if args.accept("asc") {
            query.order = Order::Ascending;
        } else if args.accept("desc") {
            query.order = Order::Descending;
        } else if behind > 0 && args.accept("count") {
            let count = parse_i64(args.required()?).ok_or(CommandError::NotAnInteger)?;
            let count = usize::try_from(count).ok().filter(|count| *count > 0);
            query.count = count.ok_or(CommandError::text("COUNT must be > 0"))?;
        } else if behind > 0 && may_store && !is_search && args.accept("store") {
            query.target = Some(Target { key: args.required()?, distances: false });
        } else if behind > 0 && may_store && !is_search && args.accept("storedist") {
            query.target = Some(Target { key: args.required()?, distances: true });
        } else if form == Form::SearchStore && args.accept("storedist") {
            query.target = Some(Target { key: args.at(1), distances: true });
        } else if is_search && behind > 0 && place != Some(Place::Given) && args.accept("frommember") {
            let member = args.required()?;
            query.middle = set.map(|set| position_of(set, member)).transpose()?;
            place = Some(Place::Member);
        } else if is_search && behind > 1 && place != Some(Place::Member) && args.accept("fromlonlat") {
            query.middle = Some(position(args, args.position())?);
            args.seek(args.position() + 2);
            place = Some(Place::Given);
        } else if is_search
            && behind > 1
            && !matches!(query.shape, Some(Shape::Box { .. }))
            && args.accept("byradius")
        {
            query.circle(args.required()?, args.required()?)?;
        } else if is_search
            && behind > 2
            && !matches!(query.shape, Some(Shape::Circle { .. }))
            && args.accept("bybox")
        {
            query.rectangle(args.required()?, args.required()?, args.required()?)?;
        } else {
            return Err(CommandError::Syntax);
        }
    }
    query.check(args, form, place)?;
    Ok(query)
}

/// Which option said where.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Member,
    Given,
}

fn position_of(set: Zset<'_>, member: &[u8]) -> Result<Position, CommandError> {
    let score = set.score(member).ok_or(CommandError::text("could not decode requested zset member"))?;
    Ok(Position::of_score(score))
}

impl Query<'_> {
    fn circle(&mut self, radius: &[u8], unit_word: &[u8]) -> Result<(), CommandError> {
        let radius = parse_f64(radius).ok_or(CommandError::text("need numeric radius"))?;
        if radius < 0.0 {
            return Err(CommandError::text("radius cannot be negative"));
        }
        self.metres = unit(unit_word)?;
        self.shape = Some(Shape::Circle { radius: radius * self.metres });
        Ok(())
    }

    fn rectangle(&mut self, width: &[u8], height: &[u8], unit_word: &[u8]) -> Result<(), CommandError> {
        let width = parse_f64(width).ok_or(CommandError::text("need numeric width"))?;
        let height = parse_f64(height).ok_or(CommandError::text("need numeric height"))?;
        if width < 0.0 || height < 0.0 {
            return Err(CommandError::text("height or width cannot be negative"));
        }
        self.metres = unit(unit_word)?;
        self.shape = Some(Shape::Box { width: width * self.metres, height: height * self.metres });
        Ok(())
    }

    /// Complains of options that don't go together, or are missing.
    fn check(&self, args: &Args<'_>, form: Form, place: Option<Place>) -> Result<(), CommandError> {
        let is_search = matches!(form, Form::Search | Form::SearchStore);
        let name = text::shown(args.at(0));
        if self.target.is_some() && (self.with_distance || self.with_hash || self.with_position) {
            let what = if form == Form::SearchStore { "GEOSEARCHSTORE" } else { "STORE option in GEORADIUS" };
            let text = format!("{what} is not compatible with WITHDIST, WITHHASH and WITHCOORD options");
            return Err(CommandError::formatted(text));
        }
        if is_search && place.is_none() {
            let text = format!("exactly one of FROMMEMBER or FROMLONLAT can be specified for {name}");
            return Err(CommandError::formatted(text));
        }
        if is_search && self.shape.is_none() {
            let text = format!("exactly one of BYRADIUS and BYBOX can be specified for {name}");
            return Err(CommandError::formatted(text));
        }
        if self.any && self.count == 0 {
            return Err(CommandError::text("the ANY argument requires COUNT argument"));
        }
        Ok(())
    }
}
