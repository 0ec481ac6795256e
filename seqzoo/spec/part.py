"""Parts: classes with a name, a nested frozen `Spec`, and a family.

A family is an abstract class that names itself (`class Anchor(Part, family="anchor")`); a part is
a concrete class below one (`class EmaAnchor(Anchor): name = "ema"`). A badly declared part, or one
that lacks a method of its family, fails when its class is defined, not when a run uses it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, cast, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)
from pydantic.functional_validators import ModelWrapValidatorHandler
from pydantic_core import (
    CoreSchema,
    InitErrorDetails,
    PydanticCustomError,
    core_schema,
)
from typing_extensions import TypeVar

from seqzoo.errors import did_you_mean
from seqzoo.spec.since import is_default, younger

__all__ = ["Part", "PartSpec", "SpecModel", "validation_error"]

_PYDANTIC_ERRORS = frozenset(get_args(core_schema.ErrorType))
NAME_PATTERN = re.compile(r"[a-z0-9]+([-_][a-z0-9]+)*")

_CUSTOM_ERRORS = frozenset(
    {"unknown_key", "unknown_part", "wrong_part", "no_catalog", "bad_preset"}
)


def validation_error(title: str, errors: list[Any]) -> ValidationError:
    """A pydantic error from the rows of `ValidationError.errors()`, changed or not."""
    rows = []
    for error in errors:
        kind = error["type"]
        if kind not in _PYDANTIC_ERRORS:
            kind = PydanticCustomError(kind, error["msg"], error.get("ctx"))
        rows.append(
            InitErrorDetails(
                type=kind, loc=error["loc"], input=error["input"], ctx=error.get("ctx", {})
            )
        )
    return ValidationError.from_exception_data(title, rows)


def _take_lists_as_tuples(schema: Any) -> None:
    """Accept lists for tuples, since YAML has no tuples; their items stay strict."""
    if isinstance(schema, dict):
        if schema.get("type") == "tuple":
            schema["strict"] = False
        for value in schema.values():
            _take_lists_as_tuples(value)
    elif isinstance(schema, list | tuple):
        for value in schema:
            _take_lists_as_tuples(value)


def _hashable(value: Any) -> Any:
    """A hashable form, equal for equal values, for lists, sets and mappings in a Spec too."""
    if isinstance(value, list | tuple):
        return tuple(map(_hashable, value))
    if isinstance(value, Mapping):
        return frozenset((key, _hashable(each)) for key, each in value.items())
    if isinstance(value, set):
        return frozenset(value)
    return value


class SpecModel(BaseModel):
    """The base of everything a user can write: frozen, strict, unknown keys refused."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, validate_default=True, allow_inf_nan=False
    )
    added_later: ClassVar[Mapping[str, str]] = {}  # fields with `since`, and their versions

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        super().__pydantic_init_subclass__(**options)
        cls.added_later = younger(cls)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = handler(source)
        _take_lists_as_tuples(schema)
        return schema

    def __hash__(self) -> int:
        return hash((type(self), *map(_hashable, self.__dict__.values())))

    @model_validator(mode="wrap")
    @classmethod
    def _name_the_nearest_key(
        cls, value: Any, handler: ModelWrapValidatorHandler[SpecModel]
    ) -> SpecModel:
        try:
            return handler(value)
        except ValidationError as failure:
            errors = cast("list[Any]", failure.errors(include_url=False))
            for error in errors:
                if error["type"] == "extra_forbidden" and len(error["loc"]) == 1:
                    key = str(error["loc"][0])
                    known = [*cls.model_fields, *cls.extra_known_keys()]
                    error["type"] = "unknown_key"
                    error["msg"] = f"unknown key '{key}' in {cls.title()}"
                    error["ctx"] = {"hint": did_you_mean(key, known), "known": known}
                elif error["type"] == "missing" and len(error["loc"]) == 1:
                    error["type"] = "missing_key"
                    error["ctx"] = {"examples": cls.model_fields[str(error["loc"][0])].examples}
                elif error["type"] in ("model_type", "dict_type") and not error["loc"]:
                    error["type"] = "mapping_wanted"
                    error["msg"] = f"a mapping (keys: {', '.join(cls.model_fields)})"
            raise validation_error(cls.__name__, errors) from None

    @model_serializer(mode="wrap")
    def _dumped(
        self, handler: SerializerFunctionWrapHandler, info: SerializationInfo
    ) -> dict[str, Any]:
        return self.without_defaults_added_later(handler(self), info)

    def without_defaults_added_later(
        self, data: dict[str, Any], info: SerializationInfo
    ) -> dict[str, Any]:
        """Dumped data without the fields with `since` that have their default.

        The context `{"complete": True}` keeps them.
        """
        context = cast("Mapping[str, Any]", info.context or {})
        if type(self).added_later and not context.get("complete"):
            for name in type(self).added_later:
                default = type(self).model_fields[name].get_default(call_default_factory=True)
                if is_default(getattr(self, name), default):
                    data.pop(name, None)
        return data

    @classmethod
    def title(cls) -> str:
        """How messages name this kind of mapping."""
        return f"'{cls.__name__.removesuffix('Spec').lower()}'"

    @classmethod
    def extra_known_keys(cls) -> tuple[str, ...]:
        """Keys that are valid beside the fields, for suggestions."""
        return ()


BuiltT = TypeVar("BuiltT", default=Any)


class PartSpec(SpecModel, Generic[BuiltT]):
    """The frozen, validated settings of one part. `part` is the class it builds.

    `PartSpec[Anchor]` says what `build` returns. That is for editors and type checkers: when the
    code runs it is `PartSpec` itself, and a slot's family says what fits.
    """

    part: ClassVar[type[Part]]

    if not TYPE_CHECKING:

        def __class_getitem__(cls, built: Any) -> type[PartSpec]:
            return cls

    @model_validator(mode="before")
    @classmethod
    def _type_names_this_part(cls, value: Any) -> Any:
        if not isinstance(value, dict) or "type" not in value:
            return value
        settings = dict(value)
        name = settings.pop("type")
        if name != cls.part.name:
            raise PydanticCustomError(
                "wrong_part",
                "type '{given}' given to the spec of '{own}'",
                {"given": str(name), "own": cls.part.name},
            )
        return settings

    @model_serializer(mode="wrap")
    def _dumped(
        self, handler: SerializerFunctionWrapHandler, info: SerializationInfo
    ) -> dict[str, Any]:
        data = self.without_defaults_added_later(handler(self), info)
        return {"type": self.part.name, **data}

    @classmethod
    def title(cls) -> str:
        """Family and name of the part."""
        return f"{cls.part.family} '{cls.part.name}'" if hasattr(cls, "part") else cls.__name__

    @classmethod
    def extra_known_keys(cls) -> tuple[str, ...]:
        """`type`, which names the part."""
        return ("type",)

    def build(self, *arguments: Any, **options: Any) -> BuiltT:
        """The part itself: `part(spec, *arguments)`; its family says which arguments."""
        return cast("Any", self.part)(self, *arguments, **options)


def _refuse_incomplete(part: type, where: str) -> None:
    """Families mark methods with `abstractmethod`; their metaclass need not be ABCMeta.

    Raises:
        TypeError: a marked method is not implemented, or a class attribute has no value; with the
            name that may be its misspelling.
    """
    names = dict.fromkeys(name for base in part.__mro__ for name in vars(base))
    missing = [
        name for name in names if getattr(getattr(part, name, None), "__isabstractmethod__", False)
    ]
    missing += [name for name in _promised(part) if not hasattr(part, name)]
    if missing:
        told = ", ".join(f"{name}{_misspelling(part, name)}" for name in missing)
        raise TypeError(f"{where}: lacks what its family requires: {told}")


def _promised(part: type) -> list[str]:
    """Class attributes that a base annotates without a value: each part must set its own."""
    return [
        name
        for base in part.__mro__
        for name, annotation in vars(base).get("__annotations__", {}).items()
        if str(annotation).startswith(("ClassVar[", "typing.ClassVar["))
    ]


def _misspelling(part: type, missing: str) -> str:
    """A likely misspelling of the missing method: a close name that only the part itself has."""
    above = next(
        place
        for place, base in enumerate(part.__mro__)
        if missing in vars(base) or missing in vars(base).get("__annotations__", {})
    )
    inherited = {name for base in part.__mro__[above:] for name in vars(base)}
    own = {name for base in part.__mro__[:above] for name in vars(base)} - inherited
    near = difflib.get_close_matches(missing, sorted(own), n=1, cutoff=0.6)
    return f" (rename {near[0]}?)" if near else ""


class Part:
    """A registered class. Families and parts are declared by subclassing, see the module's
    docstring.

    Attributes:
        family: the slot this class fits: mixer, anchor, injection, forget, task, ...
        name: how a spec asks for it; lower case words joined by `_` or `-`.
        Spec: its settings, a `PartSpec`; one without fields is made where none is written.
        kernels: the module of its own Triton kernels, see `seqzoo.scan.triton.aot.catalogue`.

    Raises:
        TypeError: at class definition, if name, family, Spec or a method of the family is missing
            or malformed.
    """

    family: ClassVar[str] = ""
    name: ClassVar[str] = ""
    Spec: ClassVar[type[PartSpec]] = PartSpec
    kernels: ClassVar[str] = ""

    def __init_subclass__(cls, family: str | None = None, **options: Any) -> None:
        super().__init_subclass__(**options)
        if family is not None:
            cls.family = family
            return
        if "name" not in cls.__dict__:
            return  # an abstract step between family and part
        where = f"part {cls.__module__}.{cls.__qualname__}"
        if not cls.family:
            raise TypeError(f"{where}: derives from no family; subclass Anchor, Mixer, Task, ...")
        if not isinstance(cls.name, str) or not NAME_PATTERN.fullmatch(cls.name):
            raise TypeError(
                f"{where}: name {cls.name!r} must be lower case words joined by '_' or '-'"
            )
        spec = cls.__dict__.get("Spec")
        if spec is None:
            inherited = cls.Spec
            spec = type(
                "Spec", (inherited,), {"__module__": cls.__module__, "__doc__": cls.__doc__}
            )
            spec.__qualname__ = f"{cls.__qualname__}.Spec"
            cls.Spec = cast("type[PartSpec]", spec)
        if not (isinstance(spec, type) and issubclass(spec, PartSpec)):
            raise TypeError(f"{where}: nested class Spec must derive from seqzoo.spec.PartSpec")
        _refuse_incomplete(cls, where)
        if "type" in spec.model_fields:
            raise TypeError(
                f"{where}: 'type' is the part's name in YAML; choose another name for the field"
            )
        spec.part = cls

    @classmethod
    def summary(cls) -> str:
        """The first line of the docstring, for listings."""
        return (cls.__doc__ or "").strip().partition("\n")[0]
