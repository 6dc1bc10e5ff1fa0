"""What a feed's records have to be: fields, their types, constraints and transforms, the primary key.

A schema is a value: build it here, or read it from a Table Schema file (`Schema.load`). Both ways meet the
same checks; only limits of dates and times are read later, when a plan is compiled, since it takes the kernel
to read them. What is loaded from a file is compiled at once, so that whatever is wrong is told with the file.
The checks of a field are in `declaration`, the file format in `descriptor`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from feedmill import declaration, descriptor, keys
from feedmill.errors import SchemaError
from feedmill.keys import ForeignKey
from feedmill.rules import Rule
from feedmill.transforms import Transform

if TYPE_CHECKING:
    from feedmill.kernel import Checked, Record

FIELDS_MATCHES: Final = ("exact", "equal", "subset", "superset", "partial")
"""How a header may relate to the fields: the words of Table Schema v2."""


@dataclass(frozen=True, slots=True)
class Constraints:
    """What a field's value must hold to, besides being of its type.

    Limits and listed values are texts, written as the feed would write them, so no digit is lost on the way.

    Examples
    --------
    >>> Constraints(required=True, minimum="0.01")
    Constraints(required=True, minimum='0.01')
    """

    required: bool = False
    unique: bool = False
    min_length: int | None = None
    max_length: int | None = None
    minimum: str | None = None
    maximum: str | None = None
    exclusive_minimum: str | None = None
    exclusive_maximum: str | None = None
    pattern: str | None = None
    enum: tuple[str, ...] | None = None
    json_schema: str | None = None

    def __repr__(self) -> str:
        return declaration.brief(self, Constraints())


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a record.

    Parameters
    ----------
    name : str
        The field's name, and its column's unless a mapping says otherwise.
    type : str, default "string"
        string, integer, number, boolean, date, time, datetime, year, yearmonth, duration, list, object,
        array, geopoint, geojson or any.
    format : str, default "default"
        string: email, uri, uuid, binary, gtin, isbn, vin, currency, country, language. number: price.
        date, time, datetime: any, or a strptime pattern. geopoint: array, object. geojson: topojson.
    title, description : str
        For people.
    constraints : Constraints
        What its values must hold to.
    transforms : tuple of Transform
        trim, collapse, lower, upper, nfc, Map, Replace, Default; applied in this order, before type and
        constraints.
    missing_values : tuple of str or None, default None
        Texts that stand for "no value"; None takes the schema's.
    precision, scale : int or None
        number: digits in all, and after the point; values that need more are rejected, never rounded.
    storage : str, default "decimal"
        number: decimal (exact), or float64.
    true_values, false_values : tuple of str
        boolean: the texts that mean it.
    decimal_char, group_char : str
        number (group_char: integer too): the characters of the decimal point and between groups of digits.
    bare_number : bool, default True
        number, integer: False takes other characters in front and behind off (``95%``).
    currency : str
        number of format price: the one ISO 4217 code that is good; empty takes all.
    item_type, delimiter : str
        list: what its items are (string, integer, number, boolean, date, time, datetime), and what stands
        between.
    categories : tuple of str or None
        string, integer: the values there are, as an enum has them.
    categories_ordered : bool
        Whether their order means something; for those who use the data.

    Raises
    ------
    SchemaError
        If the declaration contradicts itself or names something unknown.

    Thread safety
    -------------
    immutable

    Examples
    --------
    >>> Field("price", "number", precision=12, scale=2, constraints=Constraints(minimum="0.01"))
    Field(name='price', type='number', constraints=Constraints(minimum='0.01'), precision=12, scale=2)
    >>> Field("price", "number", format="money")
    Traceback (most recent call last):
    ...
    feedmill.errors.SchemaError: field 'price': unknown format 'money'; use default or price
    """

    name: str
    type: str = "string"
    format: str = "default"
    title: str = ""
    description: str = ""
    constraints: Constraints = Constraints()
    transforms: tuple[Transform, ...] = ()
    missing_values: tuple[str, ...] | None = None
    precision: int | None = None
    scale: int | None = None
    storage: str = "decimal"
    true_values: tuple[str, ...] = ("true", "True", "TRUE", "1")
    false_values: tuple[str, ...] = ("false", "False", "FALSE", "0")
    decimal_char: str = "."
    group_char: str | None = None
    bare_number: bool = True
    currency: str = ""
    item_type: str = "string"
    delimiter: str = ","
    categories: tuple[str, ...] | None = None
    categories_ordered: bool = False

    def __post_init__(self) -> None:
        if self.precision is not None and self.scale is None:
            object.__setattr__(self, "scale", 0)
        declaration.check(self)

    @property
    def listed(self) -> tuple[str, ...] | None:
        """The only values there may be: the enum's, or else the categories."""
        return self.categories if self.constraints.enum is None else self.constraints.enum

    def __repr__(self) -> str:
        return declaration.brief(self, _PLAIN)


# What `brief` compares with: a field in which everything but the name has its default.
_PLAIN: Final = Field(" ")


class _Checking:
    """Keep what a schema is compiled to for `Schema.validate`; it is no part of its value."""

    __slots__ = ("_check",)
    _check: Callable[[Mapping[str, object] | Record], Checked]
    compiler: ClassVar[Callable[[Schema], Callable[[Mapping[str, object] | Record], Checked]]]
    """Set by `feedmill.kernel`, which stands above this module."""


@dataclass(frozen=True, slots=True)
class Schema(_Checking):
    """The fields of a record, in order, and what holds for the record as a whole.

    Parameters
    ----------
    fields : tuple of Field
        At least one; names are unique.
    primary_key : tuple of str
        Names of the fields that identify a record; they become required.
    missing_values : tuple of str, default ("",)
        Texts that stand for "no value" in every field that does not say otherwise.
    fields_match : str, default "exact"
        How a header may relate to the fields: exact (same names, same order), equal (same names), subset (the
        header has them all, and may have more), superset (the header may lack some), partial (at least one in
        common).
    name : str
        For messages and reports.
    rules : tuple of Rule
        What has to hold between the fields of a record.
    unique_keys : tuple of tuple of str
        Fields that no two records may share the values of; a missing value is shared with none.
    foreign_keys : tuple of ForeignKey
        Fields whose values have to be in another file.
    folder : str
        Where files that the schema names are looked for; the schema's own, if it was loaded from a file.

    Raises
    ------
    SchemaError
        If names repeat, a rule makes no sense for its fields, or a key names no field.

    Thread safety
    -------------
    immutable

    Examples
    --------
    >>> schema = Schema((Field("sku"), Field("stock", "integer")), primary_key=("sku",))
    >>> schema.names
    ('sku', 'stock')
    >>> schema.field("sku").constraints.required
    True
    """

    fields: tuple[Field, ...]
    primary_key: tuple[str, ...] = ()
    missing_values: tuple[str, ...] = ("",)
    fields_match: str = "exact"
    name: str = ""
    rules: tuple[Rule, ...] = ()
    unique_keys: tuple[tuple[str, ...], ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    folder: str = field(default="", compare=False)
    names: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.fields:
            raise SchemaError(f"schema {self.name!r}: it has no fields; declare at least one")
        # Interned, as the keys of nearly all mappings are: they are then found without comparing characters.
        names = tuple(sys.intern(str(each.name)) for each in self.fields)
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise SchemaError(f"field {twice!r}: declared twice; names of fields must be unique")
        by_name = dict(zip(names, self.fields, strict=True))
        listed = {"primaryKey": (self.primary_key,), "uniqueKeys": self.unique_keys}
        for complaint in keys.complaints(by_name, listed, self.foreign_keys):
            raise SchemaError(complaint)
        if self.fields_match not in FIELDS_MATCHES:
            raise SchemaError(
                f"fieldsMatch: unknown word {self.fields_match!r}; use one of {', '.join(FIELDS_MATCHES)}"
            )
        # A key with a hole identifies nothing, so Table Schema makes its fields required.
        fields = tuple(
            replace(each, constraints=replace(each.constraints, required=True))
            if each.name in self.primary_key
            else each
            for each in self.fields
        )
        for rule in self.rules:
            for complaint in declaration.rule_complaints(rule, by_name):
                raise SchemaError(f"rule {rule.name!r}: {complaint}")
        labels = [rule.name for rule in self.rules]
        if twice := next((label for label in labels if labels.count(label) > 1), None):
            raise SchemaError(f"rule {twice!r}: declared twice; give rules different names")
        object.__setattr__(self, "fields", fields)
        object.__setattr__(self, "names", names)

    @property
    def shared_by_none(self) -> tuple[tuple[str, ...], ...]:
        """The unique keys, and the fields that are unique by themselves."""
        single = tuple((each.name,) for each in self.fields if each.constraints.unique)
        return tuple(dict.fromkeys(single + self.unique_keys))

    @property
    def labels(self) -> tuple[str, ...]:
        """What findings are attributed to, in the order the kernel numbers them: fields, then rules."""
        return self.names + tuple(rule.name for rule in self.rules)

    def field(self, name: str) -> Field:
        """Find a field by its name; KeyError if there is none."""
        for each in self.fields:
            if each.name == name:
                return each
        raise KeyError(name)

    def missing_values_of(self, each: Field) -> tuple[str, ...]:
        """List the texts that stand for "no value" in a field."""
        return self.missing_values if each.missing_values is None else each.missing_values

    def validate(self, record: Mapping[str, object] | Record) -> Checked:
        """Hold one record of Python values to the schema.

        Parameters
        ----------
        record : mapping of str to value
            Of each field its text, as a feed has it, or a value of its type: int, Decimal, float, bool, date,
            time, datetime (one without a zone is in UTC), list and dict. A name that is absent has no value,
            like None; one that no field has is ignored.

        Returns
        -------
        Checked
            Its `record` has the values after the transforms, and is None if the record is bad; its `rejects`
            say what is wrong, with the codes that the same record would have in a feed.

        Raises
        ------
        TypeError
            It is no mapping.

        Thread safety
        -------------
        any thread

        Notes
        -----
        Nothing is rounded and nothing guessed: 7 is no text, ``"7"`` is an integer, and a float is the number
        whose digits Python shows. The schema is compiled at the first call, some hundred microseconds.

        Examples
        --------
        >>> schema = Schema((Field("sku"), Field("price", "number", constraints=Constraints(minimum="0.01"))))
        >>> schema.validate({"sku": "A-1", "price": "12.50"}).record
        Record(sku='A-1', price=Decimal('12.50'))
        >>> [each.message for each in schema.validate({"sku": 7, "price": 0}).rejects]
        ['expected text, got "7"', 'expected at least 0.01, got "0"']
        """
        return self._compiled()(record)

    def _compiled(self) -> Callable[[Mapping[str, object] | Record], Checked]:
        """Compile it, the first time."""
        try:
            return self._check
        except AttributeError:
            check = Schema.compiler(self)
            object.__setattr__(self, "_check", check)
            return check

    @classmethod
    def load(cls, path: str | Path) -> Schema:
        """Read a Table Schema file, JSON or TOML by the name's ending.

        Parameters
        ----------
        path : str or Path
            The file; UTF-8. ``items.schema.json`` is the schema ``items``, unless it says otherwise.

        Raises
        ------
        SchemaError
            If the file cannot be read, is no JSON or TOML, or declares what feedmill does not know.
        """
        try:
            schema = cls.from_descriptor(descriptor.read(Path(path)), name=Path(path).name.partition(".")[0])
            schema = replace(schema, folder=str(Path(path).parent))
            schema._compiled()
            return schema
        except SchemaError as error:
            raise SchemaError(f"{path}: {error}") from None

    @classmethod
    def from_descriptor(cls, document: Mapping[str, object], name: str = "") -> Schema:
        """Make a schema of a Table Schema descriptor, v1 or v2.

        Parameters
        ----------
        document : mapping
            As `json.loads` gives it. Numbers may be int, float or Decimal; of floats, the digits Python shows
            count.
        name : str
            The schema's name if the descriptor has none.

        Raises
        ------
        SchemaError
            If it declares what feedmill does not know, or a property looks like a misspelt known one.

        Examples
        --------
        >>> Schema.from_descriptor({"fields": [{"name": "sku", "constraint": {"required": True}}]})
        Traceback (most recent call last):
        ...
        feedmill.errors.SchemaError: field 'sku': unknown property 'constraint'; did you mean 'constraints'?
        """
        parts = descriptor.schema_parts(document)
        fields = tuple(
            Field(**{**each, "constraints": Constraints(**limits)})
            for each, limits in map(descriptor.field_parts, descriptor.field_list(document))
        )
        return cls(fields, **{"name": name, **parts})

    def to_descriptor(self) -> dict[str, object]:
        """Write the schema as a Table Schema v2 descriptor; `from_descriptor` gives back an equal schema.

        Examples
        --------
        >>> Schema((Field("sku"),)).to_descriptor()["fields"]
        [{'name': 'sku', 'type': 'string'}]
        """
        return descriptor.of_schema(self)
