"""What a run is: one typed YAML file, checked as a whole and reported on line by line.

`load` reads a recipe, `resolve` fills in what depends on other settings, `dump` writes it back;
`init` writes a commented one. Nothing here imports torch: parsing a recipe costs no model's time.
"""

from tutelage.purpose import Purpose
from tutelage.recipe.mistakes import Mistake, RecipeError
from tutelage.recipe.recipe import (
    LoadedRecipe,
    Recipe,
    data_to_audit,
    dump,
    load,
    of_data,
    resolve,
)
from tutelage.recipe.templates import init, to_tune

__all__ = [
    "LoadedRecipe",
    "Mistake",
    "Purpose",
    "Recipe",
    "RecipeError",
    "data_to_audit",
    "dump",
    "init",
    "load",
    "of_data",
    "resolve",
    "to_tune",
]
