"""What a run is: one typed YAML file, checked as a whole and reported on line by line.

`load` reads a recipe, `resolve` fills in what depends on other settings, `dump` writes it back.
Nothing here imports torch: parsing a recipe or printing its reference costs no model's time.
"""

from tutelage.recipe.recipe import LoadedRecipe, Recipe, dump, load, resolve

__all__ = ["LoadedRecipe", "Recipe", "dump", "load", "resolve"]
